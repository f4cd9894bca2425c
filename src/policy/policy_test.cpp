#include "policy/policy.hpp"

#include <gtest/gtest.h>

#include <set>

#include "aws/errors.hpp"
#include "policy/pattern.hpp"

namespace tidegate::policy {
namespace {

constexpr std::string_view account = "111122223333";
constexpr std::string_view user = "arn:aws:iam::111122223333:user/demo";

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

std::vector<Check> check(const std::vector<const PolicyDocument*>& policies,
                         std::string_view profile_id, std::string_view source,
                         std::string action = "bedrock:InvokeModel") {
  const auto catalog = catalog::Catalog::built_in();
  const auto* profile = catalog->profile(profile_id);
  const auto* row = profile ? profile->row(catalog::RegionId(std::string(source))) : nullptr;
  if (!row) {
    ADD_FAILURE() << profile_id << " has no row for " << source;
    return {};
  }
  return check_invoke(policies, {.action = std::move(action),
                                 .account = std::string(account),
                                 .model_id = profile->model_id,
                                 .profile = profile,
                                 .row = row});
}

std::vector<Check> denied(std::vector<Check> checks) {
  std::erase_if(checks, [](const Check& c) { return c.decision.allowed(); });
  return checks;
}

// The Regions (aws:RequestedRegion) of the model checks that `statements`, beside an allow of all
// of Bedrock, deny.
std::vector<std::string> denied_regions(const std::string& statements, std::string_view profile,
                                        std::string_view source) {
  const auto policy = document("p", allow_all + "," + statements);
  std::vector<std::string> out;
  for (const auto& one : denied(check({&policy}, profile, source))) {
    if (!one.request.resource.contains(":inference-profile/")) {
      out.push_back(one.request.requested_region);
    }
  }
  return out;
}

using Regions = std::vector<std::string>;

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
  const std::string eu = "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.m";
  struct Case {
    const char* condition;
    bool with_key, without_key;
  };
  for (
      const auto& [condition, with_key, without_key] :
      {Case{
           R"("StringEquals":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.m"})",
           true, false},
       Case{
           R"("StringEquals":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:eu-south-1:111122223333:inference-profile/EU.m"})",
           false, false},
       Case{R"("StringEquals":{"bedrock:InferenceProfileArn":"*"})", false, false},
       Case{R"("StringNotEquals":{"bedrock:InferenceProfileArn":"x"})", true, true},
       Case{R"("StringLike":{"bedrock:inferenceprofilearn":["x","*/eu.?"]})", true, false},
       Case{R"("StringNotLike":{"bedrock:InferenceProfileArn":["x","*/eu.*"]})", false, true},
       Case{
           R"("ArnLike":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:*:*:inference-profile/eu.*"})",
           true, false},
       Case{
           R"("ArnEquals":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:*:*:inference-profile/eu.*"})",
           true, false},
       Case{
           R"("ArnNotLike":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:*:*:inference-profile/us.*"})",
           true, true},
       Case{
           R"("ArnNotEquals":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:*:*:inference-profile/eu.*"})",
           false, true},
       Case{R"("Null":{"bedrock:InferenceProfileArn":"true"})", false, true},
       Case{R"("Null":{"bedrock:InferenceProfileArn":"false"})", true, false},
       Case{
           R"("Null":{"bedrock:InferenceProfileArn":"false"},"StringEquals":{"aws:RequestedRegion":"eu-west-1"})",
           true, false},
       Case{
           R"("Null":{"bedrock:InferenceProfileArn":"false"},"StringEquals":{"aws:RequestedRegion":"us-east-1"})",
           false, false}}) {
    const std::string statement =
        std::string(R"({"Effect":"Allow","Action":"*","Resource":"*","Condition":{)") + condition +
        "}}";
    const Request with{"bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/m",
                       "eu-west-1", eu};
    Request without = with;
    without.inference_profile_arn.reset();
    EXPECT_EQ(decide(statement, with).allowed(), with_key) << condition;
    EXPECT_EQ(decide(statement, without).allowed(), without_key) << condition;
  }
}

constexpr std::string_view nova = "eu.amazon.nova-2-lite-v1:0";
constexpr std::string_view sonnet = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
constexpr std::string_view sonnet_us = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
constexpr std::string_view sonnet_global = "global.anthropic.claude-sonnet-4-5-20250929-v1:0";

TEST(CheckInvoke, AGeographicProfileIsCheckedInEveryRegionOfItsRow) {
  const auto policy = document("p", allow_all);
  const auto checks = check({&policy}, nova, "eu-south-1");
  const std::string profile =
      "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/" + std::string(nova);
  ASSERT_GE(checks.size(), 3U);
  EXPECT_EQ(checks[0].request.resource, profile);
  EXPECT_EQ(checks[0].request.requested_region, "eu-south-1");
  EXPECT_EQ(checks[1].request.resource,
            "arn:aws:bedrock:eu-south-1::foundation-model/amazon.nova-2-lite-v1:0");
  std::set<std::string> regions;
  for (const auto& one : checks) {
    EXPECT_TRUE(one.decision.allowed());
    EXPECT_EQ(one.request.inference_profile_arn, profile);
    EXPECT_EQ(one.request.action, "bedrock:InvokeModel");
    if (&one == &checks[0]) continue;
    EXPECT_TRUE(regions.insert(one.request.requested_region).second)
        << one.request.requested_region;
    EXPECT_EQ(one.request.resource, "arn:aws:bedrock:" + one.request.requested_region +
                                        "::foundation-model/amazon.nova-2-lite-v1:0");
  }
  const auto catalog = catalog::Catalog::built_in();
  for (const auto& destination :
       catalog->profile(nova)->row(catalog::RegionId("eu-south-1"))->destinations()) {
    EXPECT_TRUE(regions.contains(destination.region().str()));
  }
}

TEST(CheckInvoke, AGlobalProfileIsCheckedOnTheModelWithoutARegion) {
  const auto policy = document("p", allow_all);
  const auto checks = check({&policy}, sonnet_global, "eu-south-1");
  ASSERT_EQ(checks.size(), 3U);
  EXPECT_EQ(checks[2].request.resource,
            "arn:aws:bedrock:::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0");
  EXPECT_EQ(checks[2].request.requested_region, "unspecified");
  EXPECT_EQ(checks[2].request.inference_profile_arn, checks[0].request.resource);
}

TEST(CheckInvoke, ABareModelIdIsCheckedInTheSourceOnly) {
  const auto policy = document("p", allow_all);
  const auto row = catalog::Catalog::in_region_row("m.n", catalog::RegionId("eu-west-2"));
  const auto checks = check_invoke({&policy}, {.action = "bedrock:InvokeModel",
                                               .account = std::string(account),
                                               .model_id = "m.n",
                                               .profile = nullptr,
                                               .row = &row});
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].request.resource, "arn:aws:bedrock:eu-west-2::foundation-model/m.n");
  EXPECT_EQ(checks[0].request.requested_region, "eu-west-2");
  EXPECT_EQ(checks[0].request.inference_profile_arn, std::nullopt);
}

// AWS's published policies, as tables: the statement, the call, and the Regions at which the model
// is denied.

TEST(PublishedPolicies, GeographicAllowNamesEveryDestination) {
  const auto policy_for = [](std::string_view regions) {
    return document("geo", R"(
      {"Sid":"Profile","Effect":"Allow","Action":"bedrock:InvokeModel",
       "Resource":["arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"]},
      {"Sid":"Model","Effect":"Allow","Action":"bedrock:InvokeModel","Resource":[)" +
                               std::string(regions) + R"(],
       "Condition":{"StringEquals":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"}}})");
  };
  const std::string east1 =
      R"("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0")";
  const std::string east2 =
      R"("arn:aws:bedrock:us-east-2::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0")";
  const std::string west2 =
      R"("arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0")";
  const auto whole = policy_for(east1 + "," + east2 + "," + west2);
  EXPECT_TRUE(denied(check({&whole}, sonnet_us, "us-east-1")).empty());
  EXPECT_FALSE(
      denied(check({&whole}, sonnet_us, "us-east-1", "bedrock:InvokeModelWithResponseStream"))
          .empty());
  const auto partial = policy_for(east1 + "," + east2);
  const auto refused = denied(check({&partial}, sonnet_us, "us-east-1"));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].request.requested_region, "us-west-2");
  // Not without the profile: the condition asks for its ARN.
  const auto row = catalog::Catalog::in_region_row("anthropic.claude-sonnet-4-5-20250929-v1:0",
                                                   catalog::RegionId("us-east-1"));
  EXPECT_FALSE(
      denied(check_invoke({&whole}, {.action = "bedrock:InvokeModel",
                                     .account = std::string(account),
                                     .model_id = "anthropic.claude-sonnet-4-5-20250929-v1:0",
                                     .profile = nullptr,
                                     .row = &row}))
          .empty());
}

TEST(PublishedPolicies, GlobalAllowNeedsAllThreeStatements) {
  const std::string profile =
      "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/" + std::string(sonnet_global);
  const std::string model = "foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0";
  const std::string statements[] = {
      R"({"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":[")" + profile + R"("],
          "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-south-1"}}})",
      R"({"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":["arn:aws:bedrock:eu-south-1::)" +
          model + R"("],
          "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-south-1","bedrock:InferenceProfileArn":")" +
          profile + R"("}}})",
      R"({"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":["arn:aws:bedrock:::)" +
          model + R"("],
          "Condition":{"StringEquals":{"aws:RequestedRegion":"unspecified","bedrock:InferenceProfileArn":")" +
          profile + R"("}}})"};
  const auto all = document("global", statements[0] + "," + statements[1] + "," + statements[2]);
  EXPECT_TRUE(denied(check({&all}, sonnet_global, "eu-south-1")).empty());
  for (std::size_t left_out = 0; left_out < 3; ++left_out) {
    std::string rest;
    for (std::size_t i = 0; i < 3; ++i) {
      if (i != left_out) rest += (rest.empty() ? "" : ",") + statements[i];
    }
    const auto policy = document("global", rest);
    const auto refused = denied(check({&policy}, sonnet_global, "eu-south-1"));
    ASSERT_EQ(refused.size(), 1U) << left_out;
    EXPECT_EQ(refused[0].decision.outcome, Outcome::implicit_deny);
  }
}

TEST(PublishedPolicies, Denies) {
  const std::string non_us = R"({"Effect":"Deny","Action":"bedrock:*","Resource":"*","Condition":{
      "Null":{"bedrock:InferenceProfileArn":"false"},
      "ArnNotLike":{"bedrock:InferenceProfileArn":["arn:aws:bedrock:*:*:inference-profile/us.*"]}}})";
  EXPECT_EQ(denied_regions(non_us, sonnet_us, "us-east-1"), Regions{});
  EXPECT_EQ(denied_regions(non_us, sonnet_global, "eu-south-1"),
            (Regions{"eu-south-1", "unspecified"}));

  const std::string no_global =
      R"({"Effect":"Deny","Action":"bedrock:*","Resource":"*","Condition":{
      "StringEquals":{"aws:RequestedRegion":"unspecified"},
      "ArnLike":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:*:*:inference-profile/global.*"}}})";
  EXPECT_EQ(denied_regions(no_global, sonnet_global, "eu-south-1"), Regions{"unspecified"});
  EXPECT_EQ(denied_regions(no_global, nova, "eu-south-1"), Regions{});

  const std::string approved = R"({"Effect":"Deny","Action":"*","Resource":"*","Condition":{
      "StringNotEquals":{"aws:RequestedRegion":["us-east-1","us-east-2","us-west-2","unspecified"]}}})";
  EXPECT_EQ(denied_regions(approved, sonnet_us, "us-east-1"), Regions{});
  EXPECT_EQ(denied_regions(approved, sonnet_global, "us-east-1"), Regions{});
  EXPECT_EQ(denied_regions(approved, sonnet_global, "eu-south-1"), Regions{"eu-south-1"});

  const std::string one_exception = R"({"Effect":"Deny","Action":"*","Resource":"*","Condition":{
      "StringEquals":{"aws:RequestedRegion":"us-east-2"},
      "ArnNotLike":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:*:*:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0"}}})";
  EXPECT_EQ(denied_regions(one_exception, sonnet_us, "us-east-1"), Regions{"us-east-2"});

  const std::string no_direct =
      R"({"Effect":"Deny","Action":"bedrock:*","Resource":"*","Condition":{
      "StringEquals":{"aws:RequestedRegion":["eu-central-1","eu-west-1"]},
      "Null":{"bedrock:InferenceProfileArn":"true"}}})";
  EXPECT_EQ(denied_regions(no_direct, nova, "eu-south-1"), Regions{});
  const Request direct{"bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/m",
                       "eu-west-1", std::nullopt};
  EXPECT_EQ(decide(allow_all + "," + no_direct, direct).outcome, Outcome::explicit_deny);

  const std::string one_model = R"({"Sid":"DenyInference","Effect":"Deny",
      "Action":["bedrock:InvokeModel","bedrock:InvokeModelWithResponseStream","bedrock:CreateModelInvocationJob"],
      "Resource":"arn:aws:bedrock:*::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"})";
  EXPECT_EQ(denied_regions(one_model, sonnet_global, "eu-south-1"),
            (Regions{"eu-south-1", "unspecified"}));
  EXPECT_EQ(denied_regions(one_model, nova, "eu-south-1"), Regions{});
}

TEST(PublishedPolicies, ABroadRegionalAllowAlsoGrantsTheRegionlessModel) {
  const auto policy = document("broad", R"({"Effect":"Allow","Action":"bedrock:Invoke*","Resource":[
      "arn:aws:bedrock:*::foundation-model/*","arn:aws:bedrock:*:*:inference-profile/*"]})");
  EXPECT_TRUE(denied(check({&policy}, sonnet_global, "eu-south-1")).empty());
}

TEST(AccessDenied, SpeaksAsAwsDoesAndNamesEveryDeniedDestination) {
  const auto policy =
      document("demo", R"({"Sid":"Milan","Effect":"Allow","Action":"bedrock:*","Resource":[
      "arn:aws:bedrock:eu-south-1:*:inference-profile/*","arn:aws:bedrock:eu-south-1::foundation-model/*"]})");
  const auto refused = denied(check({&policy}, nova, "eu-south-1"));
  ASSERT_GE(refused.size(), 2U);
  const Error error = access_denied(user, refused);
  EXPECT_EQ(error.code, ErrorCode::access_denied);
  EXPECT_EQ(error.origin, Origin::client);
  const std::string first = refused.front().request.resource;
  EXPECT_EQ(error.message,
            "User: arn:aws:iam::111122223333:user/demo is not authorized to perform: "
            "bedrock:InvokeModel on resource: " +
                first + " because no identity-based policy allows the bedrock:InvokeModel action");
  for (const auto& one : refused) {
    EXPECT_NE(error.mend.find("the model in " + one.request.requested_region), std::string::npos);
    EXPECT_NE(error.mend.find('"' + one.request.resource + '"'), std::string::npos);
  }
  EXPECT_NE(error.mend.find(R"(add {"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":[)"),
            std::string::npos);
  EXPECT_EQ(aws::row_of(error.code).status, 403);
}

TEST(AccessDenied, NamesTheStatementThatDenied) {
  const auto policy =
      document("demo", allow_all + R"(,{"Sid":"NoSpain","Effect":"Deny","Action":"*","Resource":"*",
      "Condition":{"StringEquals":{"aws:RequestedRegion":["eu-south-2","eu-west-3"]}}})");
  const auto refused = denied(check({&policy}, sonnet, "eu-west-2"));
  ASSERT_EQ(refused.size(), 2U);
  const Error error = access_denied(user, refused);
  EXPECT_TRUE(error.message.ends_with(
      "on resource: "
      "arn:aws:bedrock:eu-south-2::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0 "
      "with an explicit deny in an identity-based policy: demo"))
      << error.message;
  EXPECT_EQ(error.mend,
            "In all, statement NoSpain of policy demo denies the model in eu-south-2, the model in "
            "eu-west-3: "
            "narrow statement NoSpain of policy demo or call a profile that it does not concern.");
}

TEST(AccessDenied, DescribesMixedRefusals) {
  const auto policy = document(
      "demo",
      R"({"Effect":"Allow","Action":"bedrock:*","Resource":"arn:aws:bedrock:*:*:inference-profile/*"},
      {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"unspecified"}}})");
  const Error error = access_denied(user, denied(check({&policy}, sonnet_global, "eu-south-1")));
  EXPECT_EQ(error.why,
            "no statement allows the model in eu-south-1; statement #2 of policy demo denies "
            "the model without a Region (\"unspecified\")");
  EXPECT_NE(
      error.mend.find(
          "foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0\"]} to a policy of this "
          "principal; and narrow statement #2 of policy demo"),
      std::string::npos)
      << error.mend;
}

}  // namespace
}  // namespace tidegate::policy
