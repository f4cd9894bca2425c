#include <gtest/gtest.h>

#include <set>

#include "api/bedrock.hpp"
#include "api/cloudtrail.hpp"
#include "api/operations.hpp"

namespace tidegate::api {
namespace {

http::RequestHead head(std::string method, std::string target, http::Headers headers = {}) {
  http::RequestHead out;
  out.method = std::move(method);
  out.target = std::move(target);
  out.headers = std::move(headers);
  return out;
}

TEST(Operations, HeadsNameTheirOperation) {
  struct Case {
    http::RequestHead head;
    std::string_view name, parameter;
    OperationId id;
  };
  const Case cases[] = {
      {head("POST", "/model/eu.amazon.nova-2-lite-v1%3A0/converse"), "Converse",
       "eu.amazon.nova-2-lite-v1:0", OperationId::converse},
      {head("POST", "/model/eu.amazon.nova-2-lite-v1:0/converse-stream"), "ConverseStream",
       "eu.amazon.nova-2-lite-v1:0", OperationId::converse_stream},
      {head("POST",
            "/model/arn%3Aaws%3Abedrock%3Aeu-south-1%3A111122223333%3Ainference-profile%2Feu.x.y/"
            "converse"),
       "Converse", "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.x.y",
       OperationId::converse},
      {head("POST", "/model/x/invoke"), "InvokeModel", "x", OperationId::invoke_model},
      {head("GET", "/inference-profiles?maxResults=2"), "ListInferenceProfiles", "",
       OperationId::list_inference_profiles},
      {head("POST", "/inference-profiles"), "CreateInferenceProfile", "",
       OperationId::create_inference_profile},
      {head("DELETE", "/inference-profiles/a1b2c3d4e5f6"), "DeleteInferenceProfile", "a1b2c3d4e5f6",
       OperationId::delete_inference_profile},
      {head("POST", "/listTagsForResource"), "ListTagsForResource", "",
       OperationId::list_tags_for_resource},
      {head("POST", "/tagResource"), "TagResource", "", OperationId::tag_resource},
      {head("POST", "/untagResource"), "UntagResource", "", OperationId::untag_resource},
      {head("GET", "/foundation-model-availability/amazon.nova-2-lite-v1%3A0"),
       "GetFoundationModelAvailability", "amazon.nova-2-lite-v1:0",
       OperationId::get_foundation_model_availability},
      {head("GET", "/guardrails"), "ListGuardrails", "", OperationId::not_offered},
      {head("POST", "/",
            {{"X-Amz-Target",
              "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"}}),
       "LookupEvents", "", OperationId::lookup_events},
      {head("POST", "/", {{"x-amz-target", "CloudTrail_20131101.LookupEvents"}}), "LookupEvents",
       "", OperationId::lookup_events},
  };
  for (const Case& c : cases) {
    const auto match = match_head(c.head);
    ASSERT_TRUE(match) << c.head.target;
    EXPECT_EQ(match->match.operation->name, c.name) << c.head.target;
    EXPECT_EQ(match->match.operation->id, c.id);
    if (!c.parameter.empty()) {
      EXPECT_EQ(match->match.path_parameters.begin()->second, c.parameter);
    }
  }
  for (const auto& unknown : {head("GET", "/model/x/converse"), head("POST", "/model//converse"),
                              head("POST", "/nothing"), head("POST", "/model/a/b/converse"),
                              head("POST", "/", {{"x-amz-target", "DynamoDB_20120810.Query"}}),
                              head("POST", "/model/%zz/converse")}) {
    const auto match = match_head(unknown);
    ASSERT_FALSE(match) << unknown.target;
    EXPECT_EQ(match.error().code, ErrorCode::unknown_operation);
  }
}

TEST(Operations, StsIsNamedByItsBody) {
  const auto match = match_head(head("POST", "/"));
  ASSERT_TRUE(match);
  EXPECT_TRUE(match->operation_is_in_body);
  EXPECT_EQ(match_query("Action=GetCallerIdentity&Version=2011-06-15")->operation->id,
            OperationId::get_caller_identity);
  EXPECT_EQ(match_query("Action=AssumeRole&Version=2011-06-15")->operation->id,
            OperationId::not_offered);
  EXPECT_FALSE(match_query("Action=Nothing"));
  EXPECT_FALSE(match_query("Version=1"));
}

TEST(Bedrock, ModelReferencesAreIdsOrArns) {
  using Kind = ModelReference::Kind;
  EXPECT_EQ(parse_model_reference("eu.amazon.nova-2-lite-v1:0")->kind, Kind::id);
  EXPECT_EQ(
      parse_model_reference("arn:aws:bedrock:eu-south-1::foundation-model/amazon.nova-2-lite-v1:0")
          ->kind,
      Kind::foundation_model_arn);
  EXPECT_EQ(
      parse_model_reference("arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.a.b")
          ->account,
      "111122223333");
  for (const char* bad :
       {"", "a b", "arn:aws:s3:::x", "arn:aws:bedrock:eu-south-1:1:thing/x", "a/b",
        "arn:aws:bedrock:r:a:inference-profile/",
        "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/a/b", "x\ny", "\xc3\xa9"}) {
    EXPECT_EQ(parse_model_reference(bad).error().code, ErrorCode::invalid_model_identifier) << bad;
  }
  EXPECT_FALSE(parse_model_reference(std::string(2049, 'a')));
}

TEST(CloudTrail, RequestsAreReadStrictly) {
  const auto query = parse_lookup_events(
      R"({"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"Converse"}],"StartTime":1.5,"EndTime":2,"MaxResults":3})",
      "1");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->attribute_value, "Converse");
  EXPECT_EQ(query->max_results, 3u);
  EXPECT_EQ(query->start->time_since_epoch(), std::chrono::microseconds(1'500'000));
  EXPECT_EQ(parse_lookup_events("", "1")->max_results, 50u);
  const std::pair<const char*, ErrorCode> bad[] = {
      {R"({"MaxResults":51})", ErrorCode::invalid_max_results},
      {R"({"MaxResults":"3"})", ErrorCode::invalid_max_results},
      {R"({"StartTime":3,"EndTime":2})", ErrorCode::invalid_time_range},
      {R"({"StartTime":"now"})", ErrorCode::invalid_time_range},
      {R"({"LookupAttributes":[{"AttributeKey":"Nothing","AttributeValue":"x"}]})",
       ErrorCode::invalid_lookup_attributes},
      {R"({"LookupAttributes":[{},{}]})", ErrorCode::invalid_lookup_attributes},
      {R"([])", ErrorCode::malformed_json},
      {R"({)", ErrorCode::malformed_json}};
  for (const auto& [body, code] : bad)
    EXPECT_EQ(parse_lookup_events(body, "1").error().code, code) << body;
}

}  // namespace
}  // namespace tidegate::api
