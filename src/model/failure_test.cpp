// The classification of back-end failures, as a table.
#include <gtest/gtest.h>

#include "model/failure.hpp"

namespace tidegate::model {
namespace {

using enum ErrorCode;

struct Status {
  int status;
  std::string_view body;
  ErrorCode code;
  Retry retry;
  std::string_view message = {};
};

TEST(Failure, OfStatuses) {
  constexpr std::string_view too_long = "Input is too long for requested model.";
  for (
      const Status& row : {
          Status{500, "", model_unavailable, Retry::other_region},
          Status{502, "<html>", model_unavailable, Retry::other_region},
          Status{504, "", model_unavailable, Retry::other_region},
          Status{429, "", throttled, Retry::other_region},
          Status{503,
                 R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})",
                 model_not_ready, Retry::other_region},
          Status{408, "", model_timeout, Retry::other_region},
          Status{
              400,
              R"({"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_ctx":2048}})",
              validation, Retry::never, too_long},
          Status{
              400,
              R"({"error":{"message":"x","type":"invalid_request_error","code":"context_length_exceeded"}})",
              validation, Retry::never, too_long},
          Status{
              400,
              R"({"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5010","type":"BadRequestError","code":400})",
              validation, Retry::never, too_long},
          Status{
              400,
              R"({"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens","type":"BadRequestError","code":400}})",
              validation, Retry::never,
              "The maximum tokens you requested exceeds the model limit. Try again with a maximum "
              "tokens value "
              "that is lower."},
          Status{413, R"({"message":"context length"})", validation, Retry::never, too_long},
          Status{400, R"({"error":{"message":"bad","code":400}})", model_error, Retry::never},
          Status{400, "nonsense", model_error, Retry::never},
          Status{401, "", model_error, Retry::never},
          Status{404, R"({"error":{"message":"no such model","type":"NotFoundError"}})",
                 model_error, Retry::never},
          Status{301, "", model_error, Retry::never},
      }) {
    const Error error = status_failure(row.status, row.body, Phase::before_first_byte);
    EXPECT_EQ(error.code, row.code) << row.status << row.body;
    EXPECT_EQ(error.retry, row.retry) << row.status << row.body;
    EXPECT_EQ(error.upstream_status, row.status);
    EXPECT_EQ(error.origin, row.code == validation ? Origin::client : Origin::backend);
    if (!row.message.empty()) EXPECT_EQ(error.message, row.message);

    const Error late = status_failure(row.status, row.body, Phase::streaming);
    EXPECT_EQ(late.code, model_stream_error);
    EXPECT_EQ(late.retry, Retry::never);
    EXPECT_EQ(late.upstream_status, row.status);
  }
}

TEST(Failure, NamesTheErrorButNeverQuotesTheServer) {
  const Error error =
      status_failure(404, R"({"error":{"message":"secret prompt","type":"NotFoundError"}})",
                     Phase::before_first_byte);
  EXPECT_EQ(error.why, "the model server answered HTTP 404 NotFoundError");
  for (const std::string_view type : {"a sentence", "<b>", ""}) {
    const Error other = status_failure(404, R"({"error":{"type":")" + std::string(type) + R"("}})",
                                       Phase::before_first_byte);
    EXPECT_EQ(other.why, "the model server answered HTTP 404");
  }
  EXPECT_EQ((error.message + error.mend).find("secret"), std::string::npos);
}

TEST(Failure, OfTransport) {
  struct Row {
    ErrorCode given;
    Phase phase;
    Cause cause;
    ErrorCode code;
    Retry retry;
  };
  for (const Row& row : {
           Row{model_unavailable, Phase::before_first_byte, Cause::broken, model_unavailable,
               Retry::other_region},
           Row{peer_unavailable, Phase::before_first_byte, Cause::broken, model_unavailable,
               Retry::other_region},
           Row{model_unavailable, Phase::before_first_byte, Cause::late, model_timeout,
               Retry::other_region},
           Row{model_timeout, Phase::before_first_byte, Cause::broken, model_timeout,
               Retry::other_region},
           Row{model_unavailable, Phase::streaming, Cause::broken, model_stream_error,
               Retry::never},
           Row{model_timeout, Phase::streaming, Cause::late, model_stream_error, Retry::never},
           Row{cancelled, Phase::before_first_byte, Cause::broken, cancelled, Retry::never},
           Row{cancelled, Phase::streaming, Cause::late, cancelled, Retry::never},
       }) {
    const Error error = transport_failure(
        {.code = row.given, .message = "m", .mend = {}, .why = {}}, row.phase, row.cause);
    EXPECT_EQ(error.code, row.code);
    EXPECT_EQ(error.retry, row.retry);
  }
}

}  // namespace
}  // namespace tidegate::model
