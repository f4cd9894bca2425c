#include "proof/narrowed.hpp"

#include <gtest/gtest.h>

#include "proof/draft.hpp"
#include "proof/policies.hpp"

namespace tidegate::proof {
namespace {

const std::string user = "arn:aws:iam::111122223333:user/u";

gateway::Documents keeping(std::vector<std::string> regions,
                           const std::string& profile = "eu.a.local") {
  gateway::Documents out;
  out.policies = {{"all", R"({"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"*","Resource":"*"}]})"}};
  out.principals = {{.arn = user,
                     .account = "111122223333",
                     .user_id = "AIDAEXAMPLE",
                     .policies = {"all"},
                     .narrowed_rows = {{profile, std::move(regions)}}}};
  return out;
}

TEST(ProveNarrowed, TheLayersKeepToThePart) {
  Report report;
  const auto found = prove_narrowed(small_draft().catalog(), keeping({"eu-central-1"}), report);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 1u);
  const Narrowing& one = found->front();
  EXPECT_TRUE(report.holds()) << report.counterexamples.front().says;
  EXPECT_EQ(one.sources, (Oracle::Names{"eu-central-1", "eu-central-2"}));
  EXPECT_TRUE(one.refused.empty());
  EXPECT_EQ(one.requests, 2u * 5u);
  EXPECT_EQ(one.allowed, 2u);
}

TEST(ProveNarrowed, APartIsAskedOfEachSourceByItself) {
  Report report;
  const auto found =
      prove_narrowed(small_draft().catalog(), keeping({"eu-central-1", "eu-west-1"}), report)
          .value();
  EXPECT_TRUE(report.holds());
  EXPECT_EQ(found[0].sources, (Oracle::Names{"eu-central-1"}));
  EXPECT_EQ(found[0].refused, (Oracle::Names{"eu-central-2"})) << "Zurich's row has no Dublin";
}

TEST(ProveNarrowed, TheWholeLibrary) {
  Report report;
  const auto found = prove_narrowed(
      catalog::Catalog::built_in(),
      keeping({"eu-central-1", "eu-west-1"}, "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
      report);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(report.holds());
  EXPECT_EQ(found->front().sources.size(), 8u);
  EXPECT_EQ(found->front().allowed, 16u);
}

TEST(ProveNarrowed, AnUnknownProfileIsAnError) {
  Report report;
  EXPECT_FALSE(prove_narrowed(small_draft().catalog(), keeping({"eu-west-1"}, "eu.none"), report));
}

api::ApplicationProfile tagged(std::string regions) {
  return {.account = "111122223333",
          .id = "team-a",
          .name = "team a",
          .description = {},
          .profile_id = "eu.a.local",
          .model_id = "a.local",
          .tags = {{"tidegate:id", "a"}, {"tidegate:regions", std::move(regions)}},
          .client_token = {},
          .request_hash = {}};
}

// What is on disk, and what the gateway serves by.
std::vector<Narrowing> proven(const std::vector<std::string>& stored, const std::string& served,
                              Report& report, const std::string& source = "eu-central-1") {
  std::vector<api::ApplicationProfile> profiles;
  for (const std::string& regions : stored) profiles.push_back(tagged(regions));
  const auto find = [&](std::string_view, std::string_view) {
    return std::make_shared<const api::ApplicationProfile>(tagged(served));
  };
  return prove_narrowed(small_draft().catalog(), profiles, catalog::RegionId(source), find, report)
      .value();
}

TEST(ProveTags, TheLayersKeepToThePart) {
  Report report;
  const auto found = proven({"eu-west-1", "eu-west-1"}, "eu-west-1", report);
  ASSERT_EQ(found.size(), 2u);
  for (const Narrowing& one : found) {
    EXPECT_EQ(one.holder,
              "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/team-a");
    EXPECT_EQ(one.sources, (Oracle::Names{"eu-central-1"}));
    EXPECT_EQ(one.requests, 5u);
    EXPECT_EQ(one.allowed, 1u);
  }
  EXPECT_TRUE(report.holds()) << report.counterexamples.front().says;
}

TEST(ProveTags, ATagThatWouldWidenIsRefusedByItsSource) {
  for (const std::string regions :
       {"eu-west-1 eu-central-2", "us-east-1", "", "eu-west-1 eu-west-1", "*"}) {
    Report report;
    const auto found = proven({regions}, regions, report);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].refused, (Oracle::Names{"eu-central-1"})) << regions;
    EXPECT_EQ(found[0].allowed, 0u);
    EXPECT_TRUE(report.holds()) << regions;
  }
}

// A gateway that serves by another tag than the one that it has: the request that leaves the part.
TEST(ProveTags, TheCounterexample) {
  Report report;
  const auto found = proven({"eu-west-1"}, "eu-central-1 eu-west-1", report);
  EXPECT_EQ(found[0].allowed, 1u) << "the oracle's count";
  ASSERT_EQ(report.violations, 2u);
  EXPECT_EQ(report.counterexamples[0].rule, "subset_widens");
  const Violation& leaves = report.counterexamples[1];
  EXPECT_EQ(leaves.rule, "outside_subset");
  EXPECT_EQ(leaves.profile,
            "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/team-a");
  EXPECT_EQ(leaves.destination, "eu-central-1");
  EXPECT_TRUE(leaves.claims.front().allows) << "the router";
  EXPECT_FALSE(leaves.claims.back().allows) << "the oracle";

  Report whole;
  const auto unread = prove_narrowed(
      small_draft().catalog(), {tagged("eu-west-1")}, catalog::RegionId("eu-central-1"),
      [](std::string_view, std::string_view) {
        auto without = tagged("");
        without.tags.clear();
        return std::make_shared<const api::ApplicationProfile>(std::move(without));
      },
      whole);
  EXPECT_TRUE(unread);
  EXPECT_FALSE(whole.holds()) << "a source that does not read the tag at all";

  Report narrower;
  proven({"eu-central-1 eu-west-1"}, "eu-west-1", narrower);
  EXPECT_EQ(narrower.counterexamples.front().rule, "layers_differ");
}

// A gateway in Frankfurt has `stored` on its disk and serves by `served`.
std::vector<Narrowing> running(std::vector<std::string> stored, std::vector<std::string> served,
                               Report& report, const std::string& profile = "eu.a.local") {
  gateway::RegionConfig config;
  config.region = catalog::RegionId("eu-central-1");
  auto in_force = keeping(served);
  if (served.empty()) in_force.principals[0].narrowed_rows.clear();
  const auto snapshot =
      gateway::Snapshot::build({.catalog = small_draft().catalog()}, in_force, config, nullptr)
          .value();
  return prove_narrowed(keeping(std::move(stored), profile), *snapshot, config.region, report)
      .value();
}

TEST(ProveRunning, PrincipalsAreServedByWhatIsStored) {
  Report report;
  const auto found = running({"eu-west-1"}, {"eu-west-1"}, report);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].holder, user);
  EXPECT_EQ(found[0].sources, (Oracle::Names{"eu-central-1"})) << "no other source is its own";
  EXPECT_EQ(found[0].requests, 5u);
  EXPECT_EQ(found[0].allowed, 1u);
  EXPECT_TRUE(report.holds()) << report.counterexamples.front().says;
  EXPECT_TRUE(running({"eu-west-1"}, {"eu-west-1"}, report, "global.a.wide").empty())
      << "it cannot be called from here";
}

TEST(ProveRunning, WhatLeavesThePartIsTheCounterexample) {
  Report report;
  running({"eu-west-1"}, {"eu-central-1", "eu-west-1"}, report);
  ASSERT_EQ(report.violations, 2u);
  EXPECT_EQ(report.counterexamples[0].rule, "subset_widens");
  EXPECT_EQ(report.counterexamples[0].says,
            user +
                ": its source keeps to eu-central-1, eu-west-1, and the stored document says "
                "eu-west-1");
  EXPECT_EQ(report.counterexamples[1].rule, "outside_subset");
  EXPECT_EQ(report.counterexamples[1].profile, "eu.a.local");
  EXPECT_EQ(report.counterexamples[1].destination, "eu-central-1");

  Report whole, outside, narrower;
  running({"eu-west-1"}, {}, whole);
  EXPECT_EQ(whole.counterexamples.front().rule, "subset_widens") << "it serves by the whole row";
  running({"us-east-1"}, {"eu-west-1"}, outside);
  EXPECT_FALSE(outside.holds());
  running({"eu-central-1", "eu-west-1"}, {"eu-west-1"}, narrower);
  EXPECT_EQ(narrower.counterexamples.front().rule, "layers_differ");
}

TEST(ProvePolicies, APrincipalReachesItsPartOnly) {
  Report report;
  auto documents = keeping({"eu-west-1"});
  const auto catalog = small_draft().catalog();
  const Oracle::Names within{"eu-west-1"};
  prove_policies(*catalog, documents, within, report).value();
  for (const Violation& found : report.counterexamples) {
    EXPECT_FALSE(found.profile == "eu.a.local" && found.source == "eu-central-1") << found.says;
  }
}

}  // namespace
}  // namespace tidegate::proof
