#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "aws/arn.hpp"
#include "aws/errors.hpp"
#include "policy/policy.hpp"

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

constexpr std::string_view model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
constexpr std::string_view nova = "eu.amazon.nova-2-lite-v1:0";
constexpr std::string_view sonnet = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
constexpr std::string_view sonnet_us = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
constexpr std::string_view sonnet_global = "global.anthropic.claude-sonnet-4-5-20250929-v1:0";

std::string profile_arn(std::string_view region, std::string_view profile) {
  return aws::inference_profile_arn(region, account, profile);
}

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

TEST(CheckInvoke, AnApplicationProfileStandsForWhatItCopies) {
  const auto policy = document("p", allow_all);
  const std::string own =
      "arn:aws:bedrock:eu-south-1:111122223333:application-inference-profile/a1b2c3d4e5f6";
  const auto catalog = catalog::Catalog::built_in();
  const auto* profile = catalog->profile(nova);
  const auto* row = profile->row(catalog::RegionId("eu-south-1"));
  const auto bare =
      catalog::Catalog::in_region_row(profile->model_id, catalog::RegionId("eu-south-1"));
  const auto ask = [&](const catalog::Profile* base, const catalog::Row& candidates) {
    return check_invoke({&policy}, {.action = "bedrock:InvokeModel",
                                    .account = std::string(account),
                                    .model_id = profile->model_id,
                                    .profile = base,
                                    .row = &candidates,
                                    .application_profile_arn = own});
  };
  auto copied = check({&policy}, nova, "eu-south-1");
  const auto checks = ask(profile, *row);
  ASSERT_EQ(checks.size(), copied.size());
  for (std::size_t i = 0; i < checks.size(); ++i) {
    EXPECT_EQ(checks[i].request.resource, i == 0 ? own : copied[i].request.resource);
    EXPECT_EQ(checks[i].request.inference_profile_arn, own);
  }
  const auto of_model = ask(nullptr, bare);
  ASSERT_EQ(of_model.size(), 2U);
  EXPECT_EQ(of_model[0].request.resource, own);
  EXPECT_EQ(of_model[1].request.resource,
            "arn:aws:bedrock:eu-south-1::foundation-model/amazon.nova-2-lite-v1:0");
  EXPECT_EQ(of_model[1].request.inference_profile_arn, own);
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
  const std::string profile = profile_arn("us-east-1", sonnet_us);
  const auto policy_for = [&](std::initializer_list<std::string_view> regions) {
    std::string models;
    for (const auto region : regions) {
      models += (models.empty() ? "\"" : ",\"") + aws::foundation_model_arn(region, model) + '"';
    }
    return document("geo", fmt::format(R"(
      {{"Sid":"Profile","Effect":"Allow","Action":"bedrock:InvokeModel","Resource":["{0}"]}},
      {{"Sid":"Model","Effect":"Allow","Action":"bedrock:InvokeModel","Resource":[{1}],
        "Condition":{{"StringEquals":{{"bedrock:InferenceProfileArn":"{0}"}}}}}})",
                                       profile, models));
  };
  const auto whole = policy_for({"us-east-1", "us-east-2", "us-west-2"});
  EXPECT_TRUE(denied(check({&whole}, sonnet_us, "us-east-1")).empty());
  EXPECT_FALSE(
      denied(check({&whole}, sonnet_us, "us-east-1", "bedrock:InvokeModelWithResponseStream"))
          .empty());
  EXPECT_FALSE(denied(check({&whole}, sonnet_us, "us-east-2")).empty());  // another profile ARN
  const auto partial = policy_for({"us-east-1", "us-east-2"});
  const auto refused = denied(check({&partial}, sonnet_us, "us-east-1"));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].request.requested_region, "us-west-2");
  // Not without the profile: the condition asks for its ARN.
  const auto row = catalog::Catalog::in_region_row(model, catalog::RegionId("us-east-1"));
  EXPECT_FALSE(denied(check_invoke({&whole}, {.action = "bedrock:InvokeModel",
                                              .account = std::string(account),
                                              .model_id = std::string(model),
                                              .profile = nullptr,
                                              .row = &row}))
                   .empty());
}

TEST(PublishedPolicies, GlobalAllowNeedsAllThreeStatements) {
  const std::string profile = profile_arn("eu-south-1", sonnet_global);
  const auto allow = [](std::string_view resource, std::string_view condition) {
    return fmt::format(R"({{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":["{}"],
                            "Condition":{{"StringEquals":{{{}}}}}}})",
                       resource, condition);
  };
  const auto region_and_profile = [&](std::string_view region) {
    return fmt::format(R"("aws:RequestedRegion":"{}","bedrock:InferenceProfileArn":"{}")", region,
                       profile);
  };
  const std::string statements[] = {
      allow(profile, R"("aws:RequestedRegion":"eu-south-1")"),
      allow(aws::foundation_model_arn("eu-south-1", model), region_and_profile("eu-south-1")),
      allow(aws::foundation_model_arn("", model), region_and_profile("unspecified"))};
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
  struct Call {
    std::string_view profile, source;
    Regions denied;
  };
  struct Case {
    const char* name;
    std::string condition;
    std::vector<Call> calls;
  };
  const Case cases[] = {
      {"only geographic US profiles",
       R"("Null":{"bedrock:InferenceProfileArn":"false"},
          "ArnNotLike":{"bedrock:InferenceProfileArn":
            ["arn:aws:bedrock:*:*:inference-profile/us.*"]})",
       {{sonnet_us, "us-east-1", {}},
        {sonnet_global, "eu-south-1", {"eu-south-1", "unspecified"}}}},
      {"no global profiles",
       R"("StringEquals":{"aws:RequestedRegion":"unspecified"},
          "ArnLike":{"bedrock:InferenceProfileArn":
            "arn:aws:bedrock:*:*:inference-profile/global.*"})",
       {{sonnet_global, "eu-south-1", {"unspecified"}}, {nova, "eu-south-1", {}}}},
      {"approved Regions only",
       R"("StringNotEquals":{"aws:RequestedRegion":
            ["us-east-1","us-east-2","us-west-2","unspecified"]})",
       {{sonnet_us, "us-east-1", {}},
        {sonnet_global, "us-east-1", {}},
        {sonnet_global, "eu-south-1", {"eu-south-1"}}}},
      {"one Region closed but for one profile",
       R"("StringEquals":{"aws:RequestedRegion":"us-east-2"},
          "ArnNotLike":{"bedrock:InferenceProfileArn":
            "arn:aws:bedrock:*:*:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0"})",
       {{sonnet_us, "us-east-1", {"us-east-2"}},
        {"us.anthropic.claude-haiku-4-5-20251001-v1:0", "us-east-1", {}}}},
      {"no direct calls in the destinations",
       R"("StringEquals":{"aws:RequestedRegion":["eu-central-1","eu-west-1"]},
          "Null":{"bedrock:InferenceProfileArn":"true"})",
       {{nova, "eu-south-1", {}}}},
  };
  for (const auto& [name, condition, calls] : cases) {
    const std::string statement =
        R"({"Effect":"Deny","Action":"bedrock:*","Resource":"*","Condition":{)" + condition + "}}";
    for (const auto& [profile, source, expected] : calls) {
      EXPECT_EQ(denied_regions(statement, profile, source), expected) << name << " " << profile;
    }
  }
  const auto no_direct = document(
      "p", allow_all + R"(,{"Effect":"Deny","Action":"bedrock:*","Resource":"*","Condition":{)" +
               cases[4].condition + "}}");
  const Request direct{"bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/m",
                       "eu-west-1", std::nullopt};
  EXPECT_EQ(evaluate({&no_direct}, direct).outcome, Outcome::explicit_deny);
}

TEST(PublishedPolicies, ADenyOfOneModelHoldsInEveryRegion) {
  const std::string statement = R"({"Sid":"DenyInference","Effect":"Deny","Action":[
      "bedrock:InvokeModel","bedrock:InvokeModelWithResponseStream",
      "bedrock:CreateModelInvocationJob"],
      "Resource":"arn:aws:bedrock:*::foundation-model/)" +
                                std::string(model) + R"("})";
  EXPECT_EQ(denied_regions(statement, sonnet_global, "eu-south-1"),
            (Regions{"eu-south-1", "unspecified"}));
  EXPECT_EQ(denied_regions(statement, nova, "eu-south-1"), Regions{});
}

TEST(PublishedPolicies, ABroadRegionalAllowAlsoGrantsTheRegionlessModel) {
  const auto policy = document("broad", R"({"Effect":"Allow","Action":"bedrock:Invoke*","Resource":[
      "arn:aws:bedrock:*::foundation-model/*","arn:aws:bedrock:*:*:inference-profile/*"]})");
  EXPECT_TRUE(denied(check({&policy}, sonnet_global, "eu-south-1")).empty());
}

TEST(AccessDenied, SpeaksAsAwsDoesAndNamesEveryDeniedDestination) {
  const auto policy =
      document("demo", R"({"Sid":"Milan","Effect":"Allow","Action":"bedrock:*","Resource":[
      "arn:aws:bedrock:eu-south-1:*:inference-profile/*",
      "arn:aws:bedrock:eu-south-1::foundation-model/*"]})");
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
  const auto policy = document("demo",
                               R"({"Effect":"Allow","Action":"bedrock:*",
          "Resource":"arn:aws:bedrock:*:*:inference-profile/*"},
         {"Effect":"Deny","Action":"*","Resource":"*",
          "Condition":{"StringEquals":{"aws:RequestedRegion":"unspecified"}}})");
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

TEST(AccessDenied, NamesEachActionOfAControlOperation) {
  const auto request = [](std::string action, std::string resource) {
    return Check{{std::move(action), std::move(resource), "eu-south-1", std::nullopt}, {}};
  };
  const auto error = access_denied(user, {request("bedrock:CreateInferenceProfile", "arn:a"),
                                          request("bedrock:CreateInferenceProfile", "arn:b"),
                                          request("bedrock:TagResource", "arn:b")});
  EXPECT_EQ(error.why,
            "no statement allows bedrock:CreateInferenceProfile on arn:a, "
            "bedrock:CreateInferenceProfile on arn:b; no statement allows bedrock:TagResource on "
            "arn:b");
  EXPECT_TRUE(error.mend.contains(
      R"({"Effect":"Allow","Action":"bedrock:CreateInferenceProfile","Resource":["arn:a","arn:b"]})"));
  EXPECT_TRUE(error.mend.contains(
      R"({"Effect":"Allow","Action":"bedrock:TagResource","Resource":["arn:b"]})"));
}

}  // namespace
}  // namespace tidegate::policy
