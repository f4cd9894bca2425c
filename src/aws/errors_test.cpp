#include "aws/errors.hpp"

#include <gtest/gtest.h>

#include <set>

#include "aws/arn.hpp"
#include "base/json.hpp"

namespace tidegate::aws {
namespace {

TEST(ErrorTable, EveryCodeHasOneCompleteRow) {
  std::set<std::string_view> codes;
  // ConverseStream's five exceptions: an event stream can carry no other.
  const std::set<std::string_view> members{"internalServerException", "modelStreamErrorException",
                                           "validationException", "throttlingException",
                                           "serviceUnavailableException"};
  for (int i = 0; i < static_cast<int>(ErrorCode::count_); ++i) {
    const ErrorRow& row = row_of(static_cast<ErrorCode>(i));
    SCOPED_TRACE(name_of(row.code));
    EXPECT_EQ(static_cast<int>(row.code), i);
    EXPECT_TRUE(codes.insert(row.tidegate_code).second) << row.tidegate_code;
    EXPECT_EQ(row.tidegate_code.size(), 7U);
    EXPECT_TRUE(row.tidegate_code.starts_with("TG-"));
    EXPECT_GE(row.status, 400);
    EXPECT_LT(row.status, 600);
    EXPECT_TRUE(row.type.ends_with("Exception"));
    EXPECT_FALSE(row.query_code.empty());
    EXPECT_TRUE(members.contains(row.stream_member)) << row.stream_member;
    EXPECT_TRUE(row.mend.ends_with("."));
  }
}

TEST(ErrorAnswer, RestJson) {
  const Error error{
      .code = ErrorCode::validation, .message = "Bad \"x\"", .mend = "Fix x.", .why = ""};
  const auto answer = error_answer(error, Protocol::rest_json, "id-1", {});
  EXPECT_EQ(answer.head.status, 400);
  EXPECT_EQ(answer.body, R"({"message":"Bad \"x\". Fix x."})");
  const auto& headers = answer.head.headers;
  EXPECT_EQ(headers.get("content-type"), "application/json");
  EXPECT_EQ(headers.get("content-length"), std::to_string(answer.body.size()));
  EXPECT_EQ(headers.get("x-amzn-requestid"), "id-1");
  EXPECT_EQ(headers.get("x-amzn-errortype"), "ValidationException");
  EXPECT_EQ(headers.get("x-tidegate-error"), "TG-1001");
  EXPECT_FALSE(headers.get("retry-after"));
}

TEST(ErrorAnswer, RetryHintsOnBusyStatusesOnly) {
  struct Case {
    ErrorCode code;
    int wait_ms;
    const char *seconds, *millis;
  };
  for (const auto& [code, wait_ms, seconds, millis] :
       {Case{ErrorCode::throttled, 1'200, "2", "1200"}, Case{ErrorCode::capacity, 0, "1", "1"},
        Case{ErrorCode::model_not_ready, 1'000, "1", "1000"},
        Case{ErrorCode::access_denied, 1'000, nullptr, nullptr},
        Case{ErrorCode::internal, 1'000, nullptr, nullptr}}) {
    const auto answer = error_answer(Error{.code = code, .message = "m", .mend = {}, .why = {}},
                                     Protocol::rest_json, "id", std::chrono::milliseconds(wait_ms));
    EXPECT_EQ(answer.head.headers.get("retry-after").has_value(), seconds != nullptr);
    EXPECT_EQ(answer.head.headers.get("x-amz-retry-after").has_value(), millis != nullptr);
    if (seconds) EXPECT_EQ(answer.head.headers.get("retry-after"), seconds);
    if (millis) EXPECT_EQ(answer.head.headers.get("x-amz-retry-after"), millis);
  }
}

TEST(ErrorAnswer, OtherProtocols) {
  const Error error{
      .code = ErrorCode::invalid_signature, .message = "a<b & \x01", .mend = "Mend.", .why = {}};
  const auto json = error_answer(error, Protocol::json_1_1, "id", {});
  EXPECT_EQ(json.head.headers.get("content-type"), "application/x-amz-json-1.1");
  EXPECT_EQ(json.body,
            "{\"__type\":\"InvalidSignatureException\",\"message\":\"a<b & \\u0001. Mend.\"}");
  const auto xml = error_answer(error, Protocol::query, "id", {});
  EXPECT_EQ(xml.head.headers.get("content-type"), "text/xml");
  EXPECT_NE(xml.body.find("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"),
            std::string::npos);
  EXPECT_NE(xml.body.find("<Type>Sender</Type>"), std::string::npos);
  EXPECT_NE(xml.body.find("<Code>SignatureDoesNotMatch</Code>"), std::string::npos);
  EXPECT_NE(xml.body.find("<Message>a&lt;b &amp; \xef\xbf\xbd. Mend.</Message>"),
            std::string::npos);
  EXPECT_NE(xml.body.find("<RequestId>id</RequestId>"), std::string::npos);
}

TEST(ErrorAnswer, ModelErrorsTellTheBackEndsStatus) {
  const Error error{.code = ErrorCode::model_error,
                    .message = "m.",
                    .mend = "n.",
                    .why = {},
                    .upstream_status = 507};
  EXPECT_EQ(error_answer(error, Protocol::rest_json, "id", {}).body,
            R"({"message":"m. n.","originalStatusCode":507})");
}

TEST(Arn, ParsesAndPrints) {
  for (const char* text :
       {"arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.amazon.nova-2-lite-v1:0",
        "arn:aws:bedrock:::foundation-model/m", "arn:aws:iam::111122223333:user/demo"}) {
    const auto arn = Arn::parse(text);
    ASSERT_TRUE(arn) << text;
    EXPECT_EQ(arn->str(), text);
  }
  EXPECT_EQ(Arn::parse("arn:aws:bedrock:eu-south-1:1:inference-profile/a:b")->resource,
            "inference-profile/a:b");
  for (const char* bad : {"", "arn", "arn:aws:bedrock:eu-south-1:1",
                          "arn:aws:bedrock:eu-south-1:1:", "urn:aws:bedrock:::x",
                          "arn::bedrock:::x", "arn:aws::::x"}) {
    EXPECT_FALSE(Arn::parse(bad)) << bad;
  }
  EXPECT_EQ(foundation_model_arn("us-gov-west-1", "m:0"),
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/m:0");
  EXPECT_EQ(foundation_model_arn("", "m"), "arn:aws:bedrock:::foundation-model/m");
  EXPECT_EQ(inference_profile_arn("eu-south-1", "111122223333", "eu.m"),
            "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.m");
}

TEST(PercentDecode, DecodesOnceAndStrictly) {
  EXPECT_EQ(percent_decode("a%3Ab%253A+c"), "a:b%3A+c");
  for (const char* bad : {"%", "%3", "%3g", "x%"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

}  // namespace
}  // namespace tidegate::aws
