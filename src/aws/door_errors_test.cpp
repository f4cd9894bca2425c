// The doors of other APIs: every error code has their status, type and body.
#include "aws/door_errors.hpp"

#include <gtest/gtest.h>

#include "aws/errors.hpp"
#include "base/json.hpp"

namespace tidegate::aws {
namespace {

using enum ErrorCode;

Error error_of(ErrorCode code, std::string why = {}) {
  return {.code = code,
          .origin = Origin::client,
          .message = "What happened.",
          .mend = "Mend it.",
          .why = std::move(why)};
}

TEST(DoorErrors, Shapes) {
  EXPECT_EQ(
      anthropic_error(error_of(validation), "r1").body,
      R"({"type":"error","error":{"type":"invalid_request_error","message":"What happened. Mend it."},"request_id":"r1"})");
  EXPECT_EQ(
      openai_error(error_of(validation, "unknown_parameter messages[0].foo")).body,
      R"({"error":{"message":"What happened. Mend it.","type":"invalid_request_error","param":"messages[0].foo","code":"unknown_parameter"}})");
  EXPECT_EQ(
      openai_error(error_of(validation, "a reason of three words")).body,
      R"({"error":{"message":"What happened. Mend it.","type":"invalid_request_error","param":null,"code":null}})");
}

TEST(DoorErrors, StatusesAndTypes) {
  struct Row {
    ErrorCode code;
    int anthropic_status;
    std::string_view anthropic_type;
    int openai_status;
    std::string_view openai_code;
  };
  for (const Row& row : {
           Row{malformed_json, 400, "invalid_request_error", 400, ""},
           Row{body_too_large, 413, "request_too_large", 413, "request_too_large"},
           Row{unrecognized_client, 401, "authentication_error", 401, "invalid_api_key"},
           Row{access_denied, 403, "permission_error", 403, "access_denied"},
           Row{fence_refused, 403, "permission_error", 403, "access_denied"},
           Row{invalid_model_identifier, 404, "not_found_error", 404, "model_not_found"},
           Row{on_demand_not_supported, 400, "invalid_request_error", 400, ""},
           Row{throttled, 429, "rate_limit_error", 429, "rate_limit_exceeded"},
           Row{capacity, 529, "overloaded_error", 503, "overloaded"},
           Row{draining, 529, "overloaded_error", 503, "service_unavailable"},
           Row{model_error, 500, "api_error", 500, ""},
           Row{model_timeout, 504, "timeout_error", 504, "timeout"},
           Row{internal, 500, "api_error", 500, ""},
       }) {
    const DoorError anthropic = anthropic_error(error_of(row.code), "r");
    EXPECT_EQ(anthropic.status, row.anthropic_status) << name_of(row.code);
    EXPECT_TRUE(anthropic.body.contains(row.anthropic_type)) << anthropic.body;
    const DoorError openai = openai_error(error_of(row.code));
    EXPECT_EQ(openai.status, row.openai_status) << name_of(row.code);
    const auto body = json::parse(openai.body);
    ASSERT_TRUE(body);
    EXPECT_EQ(
        json::find_string(*json::find_object(body->get_object(), "error"), "code").value_or(""),
        row.openai_code);
  }
}

TEST(DoorErrors, EveryCodeHasAnAnswerAtEveryDoor) {
  for (int i = 0; i < static_cast<int>(count_); ++i) {
    const Error error = error_of(static_cast<ErrorCode>(i));
    EXPECT_GE(anthropic_error(error, "r").status, 400);
    EXPECT_GE(openai_error(error).status, 400);
    EXPECT_TRUE(json::parse(anthropic_error(error, "r").body));
    EXPECT_TRUE(json::parse(openai_error(error).body));
  }
}

TEST(DoorErrors, WordsThatClientsMatchOn) {
  const auto words = [](Protocol door, ErrorCode code) {
    return in_words_of(door, error_of(code), "x.y").message;
  };
  EXPECT_EQ(words(Protocol::anthropic, invalid_model_identifier), "model: x.y");
  EXPECT_EQ(words(Protocol::openai, invalid_model_identifier),
            "The model `x.y` does not exist or you do not have access to it.");
  EXPECT_EQ(words(Protocol::anthropic, invalid_api_key), "invalid x-api-key");
  EXPECT_EQ(words(Protocol::openai, invalid_api_key), "Incorrect API key provided.");
  EXPECT_EQ(words(Protocol::anthropic, missing_authentication), "x-api-key header is required");
  EXPECT_TRUE(
      words(Protocol::openai, missing_authentication).starts_with("You didn't provide an API key"));
  EXPECT_EQ(words(Protocol::rest_json, invalid_api_key), error_of(throttled).message);
  EXPECT_EQ(words(Protocol::openai, throttled), error_of(throttled).message);
}

TEST(DoorErrors, InsideAStream) {
  std::string out;
  append_anthropic_error(out, error_of(model_stream_error), "r");
  EXPECT_EQ(out,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":"
            "\"What happened. Mend it.\"},\"request_id\":\"r\"}\n\n");
  out.clear();
  append_openai_error(out, error_of(throttled));
  EXPECT_EQ(out,
            "event: error\ndata: {\"error\":{\"message\":\"What happened. Mend it.\",\"type\":"
            "\"rate_limit_error\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}\n\n");
}

TEST(DoorErrors, AnswersHaveTheDoorsHeaders) {
  using namespace std::chrono_literals;
  const auto anthropic = error_answer(error_of(capacity), Protocol::anthropic, "r1", 1500ms);
  EXPECT_EQ(anthropic.head.status, 529);
  EXPECT_EQ(anthropic.head.headers.get("request-id"), "r1");
  EXPECT_EQ(anthropic.head.headers.get("x-amzn-requestid"), "r1");
  EXPECT_EQ(anthropic.head.headers.get("retry-after"), "2");
  EXPECT_EQ(anthropic.head.headers.get("x-tidegate-error"), "TG-3002");
  EXPECT_FALSE(anthropic.head.headers.get("x-amzn-errortype"));
  const auto openai = error_answer(error_of(throttled), Protocol::openai, "r1", 10ms);
  EXPECT_EQ(openai.head.status, 429);
  EXPECT_EQ(openai.head.headers.get("x-request-id"), "r1");
  EXPECT_EQ(openai.head.headers.get("x-amz-retry-after"), "10");
}

}  // namespace
}  // namespace tidegate::aws
