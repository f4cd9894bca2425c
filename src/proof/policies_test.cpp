#include "proof/policies.hpp"

#include <gtest/gtest.h>

#include "proof/draft.hpp"

namespace tidegate::proof {
namespace {

constexpr const char* everything =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})";
constexpr const char* in_the_eu = R"({"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"bedrock:*","Resource":"*"},
  {"Sid":"EuOnly","Effect":"Deny","Action":"bedrock:*","Resource":"*",
   "Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-central-1","eu-west-1"]}}}]})";
constexpr const char* not_dublin = R"({"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"*"},
  {"Effect":"Deny","Action":"bedrock:*","Resource":"arn:aws:bedrock:eu-west-1::foundation-model/*"}]})";

const std::string user = "arn:aws:iam::111122223333:user/u";
const Oracle::Names eu = {"eu-central-1", "eu-west-1"};

struct Outcome {
  Report report;
  Reach reach;
};

Outcome ask(const char* policy, const std::optional<Oracle::Names>& within,
            bool global_grant = false) {
  Outcome out;
  const auto catalog = small_draft().catalog();
  const gateway::Documents documents{.policies = {{"p", policy}},
                                     .principals = {{.arn = user,
                                                     .account = "111122223333",
                                                     .user_id = "AIDAEXAMPLE",
                                                     .policies = {"p"},
                                                     .global_grant = global_grant}},
                                     .keys = {},
                                     .api_keys = {}};
  out.reach = prove_policies(*catalog, documents, within, out.report).value().at(0);
  return out;
}

TEST(Policies, AnOpenPolicyReachesEverythingButWhatNeedsTheGrant) {
  const Outcome open = ask(everything, std::nullopt);
  EXPECT_EQ(open.reach.principal, user);
  EXPECT_EQ(open.reach.requests, 2u * (2 * 5 + 3));  // two models at five sources, three rows
  EXPECT_EQ(open.reach.allowed, 2u * (2 * 5 + 2));
  EXPECT_EQ(ask(everything, std::nullopt, true).reach.allowed, 2u * (2 * 5 + 3));
  EXPECT_TRUE(open.report.holds());
}

TEST(Policies, OneThatReachesBeyondGivesTheRequest) {
  const Outcome open = ask(everything, eu);
  ASSERT_FALSE(open.report.holds());
  const Violation& first = open.report.counterexamples.front();
  EXPECT_EQ(first.rule, "outside_within");
  EXPECT_EQ(first.model, "a.local");
  EXPECT_EQ(first.source, "eu-central-2");
  EXPECT_EQ(first.destination, "eu-central-2");
  EXPECT_NE(first.says.find(user), std::string::npos);
}

TEST(Policies, OneThatDeniesOtherRegionsStaysWithin) {
  const Outcome fenced = ask(in_the_eu, eu, true);
  EXPECT_TRUE(fenced.report.holds());
  EXPECT_EQ(fenced.reach.regions, eu);
}

// A denied destination denies the whole row, and no request of it is allowed.
TEST(Policies, ADeniedDestinationDeniesTheRow) {
  const Outcome out = ask(not_dublin, std::nullopt);
  EXPECT_TRUE(out.report.holds());
  EXPECT_FALSE(out.reach.regions.contains("eu-west-1"));
  EXPECT_EQ(out.reach.allowed, 2u * 4 + 1);  // four sources alone, and Zurich's row; one action
}

TEST(Policies, NothingWithoutAPolicyThatIsThere) {
  Report report;
  const auto catalog = small_draft().catalog();
  const gateway::Documents documents{
      .policies = {},
      .principals = {{.arn = user, .account = "1", .user_id = "A", .policies = {"p"}}},
      .keys = {},
      .api_keys = {}};
  EXPECT_FALSE(prove_policies(*catalog, documents, std::nullopt, report));
}

}  // namespace
}  // namespace tidegate::proof
