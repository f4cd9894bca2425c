// Smithy's protocol tests for restJson1 and awsJson1_1: those rows that do not depend on a shape of
// their own. The rest test serialisers of shapes that no service here has.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/operations.hpp"
#include "aws/arn.hpp"
#include "aws/errors.hpp"
#include "aws/sigv4.hpp"
#include "base/json.hpp"
#include "chat/converse.hpp"

namespace tidegate::api {
namespace {

const std::filesystem::path vectors =
    std::filesystem::path(TIDEGATE_SOURCE_DIR) / "../shared/vectors/smithy";

class SmithyVectors : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(vectors)) GTEST_SKIP() << "no golden vectors at " << vectors;
  }
  static json::value suite(std::string_view protocol) {
    std::ifstream file(vectors / (std::string(protocol) + ".json"));
    return *json::parse((std::stringstream() << file.rdbuf()).str());
  }
  static json::object test(const json::value& suite, std::string_view kind, std::string_view id) {
    for (const auto& row : suite.at(kind).as_array()) {
      if (std::string_view(row.at("id").as_string()) == id) return row.as_object();
    }
    ADD_FAILURE() << "no test " << id;
    return {};
  }
};

std::string text_at(const json::value& value, std::string_view name) {
  return std::string(std::string_view(value.at(name).as_string()));
}

TEST_F(SmithyVectors, BodiesThatAreNotAStructureAreSerializationExceptions) {
  const json::value rest_json = suite("restJson1");
  std::size_t seen = 0;
  for (const auto* id : {"RestJsonInvalidJsonBody", "RestJsonTechnicallyValidJsonBody"}) {
    const json::object row = test(rest_json, "httpMalformedRequestTests", id);
    const auto& answer = row.at("response");
    for (const auto& body : row.at("testParameters").at("value").as_array()) {
      const auto parsed = chat::parse_converse(std::string_view(body.as_string()), {});
      ASSERT_FALSE(parsed) << body;
      const auto told = aws::error_answer(parsed.error(), aws::Protocol::rest_json, "r", {});
      EXPECT_EQ(told.head.status, answer.at("code").as_int64()) << body;
      EXPECT_EQ(told.head.headers.get("x-amzn-errortype"),
                text_at(answer.at("headers"), "x-amzn-errortype"))
          << body;
      ++seen;
    }
  }
  EXPECT_EQ(seen, 11U);
}

TEST_F(SmithyVectors, LabelsAreDecodedOnce) {
  const json::object row =
      test(suite("restJson1"), "httpRequestTests", "RestJsonHttpRequestLabelEscaping");
  std::string_view label = row.at("uri").as_string();
  label.remove_prefix(std::string_view("/HttpRequestWithLabels/").size());
  label = label.substr(0, label.find('/'));
  EXPECT_EQ(aws::percent_decode(label), text_at(row.at("params"), "string"));
}

TEST_F(SmithyVectors, QueriesAreDecodedOnce) {
  const json::object row =
      test(suite("restJson1"), "httpRequestTests", "RestJsonQueryStringEscaping");
  const auto parameters =
      parse_form(std::string_view(row.at("queryParams").as_array().at(0).as_string()));
  ASSERT_TRUE(parameters);
  EXPECT_EQ(parameters->at("String"), text_at(row.at("params"), "queryString"));
}

TEST_F(SmithyVectors, OperationsOfAwsJsonGoByTheirTarget) {
  const json::object row =
      test(suite("awsJson1_1"), "httpRequestTests", "includes_x_amz_target_and_content_type");
  http::RequestHead head;
  head.method = text_at(row, "method");
  head.target = text_at(row, "uri");
  for (const auto& [name, value] : row.at("headers").as_object()) {
    head.headers.add(name, std::string_view(value.as_string()));
  }
  const auto foreign = match_head(head);  // a service that is not here
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::unknown_operation);
  head.headers.set("X-Amz-Target", "CloudTrail_20131101.LookupEvents");
  const auto ours = match_head(head);
  ASSERT_TRUE(ours);
  EXPECT_EQ(ours->protocol, aws::Protocol::json_1_1);
}

TEST_F(SmithyVectors, TimestampsAreRead) {
  const json::object row =
      test(suite("awsJson1_1"), "httpResponseTests", "parses_iso8601_timestamps");
  const auto body = json::parse(text_at(row, "body"));
  ASSERT_TRUE(body);
  const auto read = aws::parse_iso8601(text_at(*body, "Iso8601Timestamp"));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::chrono::floor<std::chrono::seconds>(read->time_since_epoch()).count(),
            row.at("params").at("Iso8601Timestamp").as_int64());
}

}  // namespace
}  // namespace tidegate::api
