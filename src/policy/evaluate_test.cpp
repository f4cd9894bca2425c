#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/pattern.hpp"
#include "policy/policy.hpp"

namespace tidegate::policy {
namespace {

PolicyDocument document(std::string name, std::string statements) {
  auto parsed = PolicyDocument::parse(
      std::move(name), R"({"Version":"2012-10-17","Statement":[)" + statements + "]}");
  if (!parsed) ADD_FAILURE() << parsed.error().message;
  return parsed ? *parsed : PolicyDocument{};
}

const std::string allow_all =
    R"({"Sid":"All","Effect":"Allow","Action":"bedrock:*","Resource":"*"})";

Decision decide(const std::string& statements, const Request& request) {
  const auto policy = document("p", statements);
  return evaluate({&policy}, request);
}

TEST(Patterns, Globs) {
  struct Case {
    const char *pattern, *text;
    bool matches;
  };
  for (const auto& [pattern, text, matches] :
       {Case{"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a*c", "abbc", true},
        {"a*c", "abcd", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"*a*b*", "xxaxxbxx", true},
        {"*ab", "aab", true},
        {"**", "x", true},
        {"A", "a", false},
        {"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}}) {
    EXPECT_EQ(glob(pattern, text), matches) << pattern << " " << text;
  }
  EXPECT_TRUE(glob_ignoring_case("BEDROCK:invoke*", "bedrock:InvokeModel"));
}

TEST(Patterns, ArnsAreComparedPartByPart) {
  struct Case {
    const char *pattern, *arn;
    bool matches;
  };
  const char* model = "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-2-lite-v1:0";
  const char* regionless = "arn:aws:bedrock:::foundation-model/amazon.nova-2-lite-v1:0";
  for (const auto& [pattern, arn, matches] :
       {Case{"*", model, true},
        {model, model, true},
        {model, regionless, false},
        {"arn:aws:bedrock:*::foundation-model/*", model, true},
        {"arn:aws:bedrock:*::foundation-model/*", regionless, true},
        {"arn:aws:bedrock:eu-*::foundation-model/*", regionless, false},
        {"arn:aws:bedrock:::foundation-model/*", model, false},
        {"arn:aws:bedrock:*:foundation-model/*", model, false},  // a '*' inside stays in its part
        {"arn:aws:bedrock:*", model, true},                      // at the end it takes the rest
        {"arn:aws:bedrock:eu-west-?::foundation-model/amazon.*:0", model, true},
        {"arn:aws:bedrock:eu-west-1:*:foundation-model/amazon.*", model, true},
        {"arn:aws:bedrock:eu-west-1:111122223333:foundation-model/amazon.*", model, false},
        {"arn:aws:s3:*:*:*", model, false},
        {"arn:aws:bedrock:*:*:*", "arn:aws:bedrock", false}}) {
    EXPECT_EQ(arn_matches(pattern, arn), matches) << pattern << " " << arn;
  }
}

TEST(Evaluate, DenyWinsThenAllowElseDeny) {
  const Request request{"bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/m",
                        "eu-west-1", std::nullopt};
  const auto allow = document("allow", allow_all);
  const auto deny = document("deny", R"({"Effect":"Allow","Action":"sts:*","Resource":"*"},
                                        {"Effect":"Deny","Action":"*","Resource":"*"})");
  const auto other = document("other", R"({"Effect":"Allow","Action":"sts:*","Resource":"*"})");
  EXPECT_EQ(evaluate({}, request).outcome, Outcome::implicit_deny);
  EXPECT_EQ(evaluate({&other}, request).outcome, Outcome::implicit_deny);
  EXPECT_EQ(evaluate({&other}, request).policy, "");
  const auto allowed = evaluate({&other, &allow}, request);
  EXPECT_TRUE(allowed.allowed());
  EXPECT_EQ(allowed.policy, "allow");
  EXPECT_EQ(allowed.statement, "All");
  for (const auto& order : {std::vector{&allow, &deny}, std::vector{&deny, &allow}}) {
    const auto refused = evaluate({order.begin(), order.end()}, request);
    EXPECT_EQ(refused.outcome, Outcome::explicit_deny);
    EXPECT_EQ(refused.policy, "deny");
    EXPECT_EQ(refused.statement, "#2");
  }
}

TEST(Evaluate, ActionsAndTheirNegations) {
  const Request request{"bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/m",
                        "eu-west-1", std::nullopt};
  struct Case {
    const char* element;
    bool allowed;
  };
  for (const auto& [element, allowed] :
       {Case{R"("Action":"BEDROCK:invokemodel","Resource":"*")", true},
        Case{R"("Action":"bedrock:InvokeModelWith*","Resource":"*")", false},
        Case{R"("Action":"bedrock:Invoke*","Resource":"*")", true},
        Case{R"("NotAction":"bedrock:InvokeModel","Resource":"*")", false},
        Case{R"("NotAction":["sts:*","iam:*"],"Resource":"*")", true},
        Case{R"("Action":"*","NotResource":"arn:aws:bedrock:*::foundation-model/*")", false},
        Case{R"("Action":"*","NotResource":"arn:aws:bedrock:us-*::foundation-model/*")", true}}) {
    EXPECT_EQ(decide(std::string(R"({"Effect":"Allow",)") + element + "}", request).allowed(),
              allowed)
        << element;
  }
}

TEST(Evaluate, ConditionsWithAndWithoutTheKey) {
  const Request with{"bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/m",
                     "eu-west-1", "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.m"};
  Request without = with;
  without.inference_profile_arn.reset();
  struct Case {
    const char* op;
    const char* values;
    bool with_key, without_key;
  };
  const Case cases[] = {
      {"StringEquals", R"("arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.m")", true,
       false},
      {"StringEquals", R"("arn:aws:bedrock:eu-south-1:111122223333:inference-profile/EU.m")", false,
       false},
      {"StringEquals", R"("*")", false, false},
      {"StringNotEquals", R"("x")", true, true},
      {"StringLike", R"(["x","*/eu.?"])", true, false},
      {"StringNotLike", R"(["x","*/eu.*"])", false, true},
      {"ArnLike", R"("arn:aws:bedrock:*:*:inference-profile/eu.*")", true, false},
      {"ArnEquals", R"("arn:aws:bedrock:*:*:inference-profile/eu.*")", true, false},
      {"ArnLike", R"("arn:aws:bedrock:*:*:*")", true, false},
      {"ArnNotLike", R"("arn:aws:bedrock:*:*:inference-profile/us.*")", true, true},
      {"ArnNotEquals", R"("arn:aws:bedrock:*:*:inference-profile/eu.*")", false, true},
      {"Null", R"("true")", false, true},
      {"Null", R"("false")", true, false},
      {"Null", "true", false, true},
  };
  for (const auto& [op, values, with_key, without_key] : cases) {
    for (const char* key : {"bedrock:InferenceProfileArn", "BEDROCK:inferenceprofilearn"}) {
      const std::string statement = fmt::format(
          R"({{"Effect":"Allow","Action":"*","Resource":"*",
              "Condition":{{"{}":{{"{}":{}}}}}}})",
          op, key, values);
      EXPECT_EQ(decide(statement, with).allowed(), with_key) << statement;
      EXPECT_EQ(decide(statement, without).allowed(), without_key) << statement;
    }
  }
}

TEST(Evaluate, EveryConditionOfAStatementMustHold) {
  const std::string statement = R"({"Effect":"Allow","Action":"*","Resource":"*","Condition":{
      "Null":{"bedrock:InferenceProfileArn":"true"},
      "StringEquals":{"aws:RequestedRegion":["eu-west-1","eu-west-3"]}}})";
  Request request{"bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/m",
                  "eu-west-1", std::nullopt};
  EXPECT_TRUE(decide(statement, request).allowed());
  request.requested_region = "eu-west-2";
  EXPECT_FALSE(decide(statement, request).allowed());
  request.requested_region = "eu-west-3";
  request.inference_profile_arn = "arn:aws:bedrock:eu-west-3:1:inference-profile/eu.m";
  EXPECT_FALSE(decide(statement, request).allowed());
}

}  // namespace
}  // namespace tidegate::policy
