#include <gtest/gtest.h>

#include "policy/json_position.hpp"
#include "policy/policy.hpp"

namespace tidegate::policy {
namespace {

TEST(PolicyDocument, ReadsEveryFormThatIsSupported) {
  const auto document = PolicyDocument::parse("demo", R"({
    "Version": "2012-10-17", "Id": "x",
    "Statement": [
      {"Sid": "A1", "Effect": "Allow", "Action": ["bedrock:InvokeModel*", "*"], "Resource": "*"},
      {"Effect": "Deny", "NotAction": "sts:GetCallerIdentity",
       "NotResource": ["arn:aws:bedrock:*::foundation-model/*", "arn:aws:bedrock:*"],
       "Condition": {
         "StringNotLike": {"AWS:requestedregion": ["eu-*", "il-central-1"]},
         "Null": {"bedrock:InferenceProfileArn": false},
         "ArnLike": {"bedrock:InferenceProfileArn": "arn:aws:bedrock:*:*:inference-profile/us.*"}}}
    ]})");
  ASSERT_TRUE(document) << document.error().message;
  ASSERT_EQ(document->statements.size(), 2U);
  EXPECT_EQ(document->name, "demo");
  const Statement& first = document->statements[0];
  EXPECT_EQ(first.sid, "A1");
  EXPECT_EQ(first.effect, Effect::allow);
  EXPECT_EQ(first.actions.size(), 2U);
  EXPECT_EQ(first.resources, std::vector<std::string>{"*"});
  const Statement& second = document->statements[1];
  EXPECT_EQ(second.sid, "#2");
  EXPECT_EQ(second.effect, Effect::deny);
  EXPECT_EQ(second.not_actions.size(), 1U);
  EXPECT_EQ(second.not_resources.size(), 2U);
  ASSERT_EQ(second.conditions.size(), 3U);
  EXPECT_EQ(second.conditions[0].op, Operator::string_not_like);
  EXPECT_EQ(second.conditions[0].key, "aws:requestedregion");
  EXPECT_EQ(second.conditions[0].values.size(), 2U);
  EXPECT_EQ(second.conditions[1].op, Operator::null);
  EXPECT_EQ(second.conditions[1].values, std::vector<std::string>{"false"});

  EXPECT_TRUE(PolicyDocument::parse(
      "one", R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})"));
}

struct Refusal {
  const char* text;
  std::size_t line, column;
  const char* what;
};

TEST(PolicyDocument, RefusesTheRestWithItsPlace) {
  const Refusal refusals[] = {
      {"[]", 1, 1, "not a JSON object"},
      {"{\"Statement\":\n  oops}", 2, 3, "not valid"},
      {R"({"Version":"2012-10-17"})", 1, 1, "no statement"},
      {R"({"Statement":[]})", 1, 1, "no statement"},
      {"{\"Version\": \"2020-01-01\"}", 1, 13, "the Version is not known"},
      {"{\n \"Statements\": []}", 2, 2, "\"Statements\" is not supported"},
      {R"({"Statement":["x"]})", 1, 15, "not a JSON object"},
      {R"({"Statement":{"Effect":"allow","Action":"*","Resource":"*"}})", 1, 24,
       "neither Allow nor Deny"},
      {R"({"Statement":{"Action":"*","Resource":"*"}})", 1, 14, "has no Effect"},
      {R"({"Statement":{"Effect":"Deny","Resource":"*"}})", 1, 14, "either Action or NotAction"},
      {R"({"Statement":{"Effect":"Deny","Action":"*","NotAction":"*","Resource":"*"}})", 1, 14,
       "either Action or NotAction"},
      {R"({"Statement":{"Effect":"Deny","Action":"*"}})", 1, 14, "either Resource or NotResource"},
      {R"({"Statement":{"Effect":"Deny","Action":[],"Resource":"*"}})", 1, 40, "list is empty"},
      {R"({"Statement":{"Effect":"Deny","Action":["bedrock:A",7],"Resource":"*"}})", 1, 53,
       "a text is needed"},
      {R"({"Statement":{"Effect":"Deny","Action":"InvokeModel","Resource":"*"}})", 1, 40,
       "not an action"},
      {R"({"Statement":{"Effect":"Deny","Action":"b*:InvokeModel","Resource":"*"}})", 1, 40,
       "not an action"},
      {R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"model"}})", 1, 55,
       "not a resource"},
      {R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"arn:aws:*"}})", 1, 55,
       "not a resource"},
      {R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"arn:aws:b*:::x"}})", 1, 55,
       "not a resource"},
      {R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"arn:aws:bedrock:::${x}"}})", 1, 55,
       "policy variable"},
      {R"({"Statement":{"Sid":"a b","Effect":"Deny","Action":"*","Resource":"*"}})", 1, 21,
       "letters and digits"},
      {R"({"Statement":[{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"},
{"Effect":"Deny","Sid":"a","Action":"*","Resource":"*"}]})",
       2, 24, "used twice"},
      {"{\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\n\t\"Principal\":"
       "\"*\"}]}",
       2, 2, "\"Principal\" is not supported"},
      {R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{}}})", 1, 71,
       "non-empty"},
      {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\n  "
       "\"StringEqualsIfExists\":{\"aws:RequestedRegion\":\"x\"}}}}",
       2, 3, "\"StringEqualsIfExists\" is not supported"},
      {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\n  "
       "\"ForAllValues:StringEquals\":{\"aws:RequestedRegion\":\"x\"}}}}",
       2, 3, "is not supported"},
      {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\n  "
       "\"StringEquals\":{\n    \"aws:SourceIp\":\"x\"}}}}",
       3, 5, "\"aws:SourceIp\" is not supported"},
      {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\n  "
       "\"ArnLike\":{\"aws:RequestedRegion\":\"x\"}}}}",
       2, 14, "Arn operator"},
      {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\n  "
       "\"ArnLike\":{\"bedrock:InferenceProfileArn\":[\n \"*\"]}}}}",
       3, 2, "not an ARN"},
      {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\n  "
       "\"StringLike\":{\"aws:RequestedRegion\":\"${x}\"}}}}",
       2, 39, "policy variable"},
      {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\n  "
       "\"Null\":{\"aws:RequestedRegion\":\"yes\"}}}}",
       2, 33, "value of Null"},
      {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\n  "
       "\"StringEquals\":{\"aws:RequestedRegion\":true}}}}",
       2, 41, "a text is needed"},
  };
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(refusal.text);
    const auto result = PolicyDocument::parse("demo", refusal.text);
    ASSERT_FALSE(result);
    const Error& error = result.error();
    EXPECT_EQ(error.code, ErrorCode::configuration);
    const std::string place = "policy demo, line " + std::to_string(refusal.line) + ", column " +
                              std::to_string(refusal.column) + ": ";
    EXPECT_TRUE(error.message.starts_with(place)) << error.message;
    EXPECT_NE(error.message.find(refusal.what), std::string::npos) << error.message;
    EXPECT_FALSE(error.why.empty());
    EXPECT_TRUE(error.mend.ends_with('.')) << error.mend;
  }
  EXPECT_FALSE(
      PolicyDocument::parse("demo", R"({"Statement":{"Effect":"Allow","Effect":"Deny"}})"));
  EXPECT_FALSE(PolicyDocument::parse("demo", std::string(100'000, ' ')));
}

TEST(JsonPosition, FollowsThePathThroughAnyText) {
  const std::string_view text =
      " {\"a{\\\"[\": {\"x\": [1, \"],}\", {\"y\\u007a\": true}]},\n\"\xc3\xa9\" : \"\xc3\xa9\", "
      "\"last\": null}";
  const auto at = [&](std::vector<Step> path, Point point) {
    const Position p = find_position(text, path, point);
    return std::pair(p.line, p.column);
  };
  using P = std::pair<std::size_t, std::size_t>;
  EXPECT_EQ(at({}, Point::value), P(1, 2));
  EXPECT_EQ(at({{.member = "a{\"["}}, Point::name), P(1, 3));
  EXPECT_EQ(at({{.member = "a{\"["}, {.member = "x"}, {.member = {}, .item = 1}}, Point::value),
            P(1, 22));
  EXPECT_EQ(at({{.member = "a{\"["}, {.member = "x"}, {.member = {}, .item = 2}, {.member = "yz"}},
               Point::value),
            P(1, 41));
  EXPECT_EQ(at({{.member = "\xc3\xa9"}}, Point::value), P(2, 7));
  EXPECT_EQ(at({{.member = "last"}}, Point::name), P(2, 12));
  EXPECT_EQ(at({{.member = "absent"}}, Point::name), P(1, 2));
}

}  // namespace
}  // namespace tidegate::policy
