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
