// The oracle by itself; the golden hash was computed by another program (Python's json and
// hashlib).
#include "proof/oracle.hpp"

#include <gtest/gtest.h>

#include "proof/draft.hpp"

namespace tidegate::proof {
namespace {

Oracle oracle_of(const Draft& draft) {
  return Oracle::read(draft.document()).value();
}

TEST(Oracle, SaysWhyNot) {
  const Oracle oracle = oracle_of(small_draft());
  const auto refusal = [&](const char* profile, const char* source, const char* destination) {
    return oracle.refusal(profile, source, destination);
  };
  EXPECT_EQ(refusal("eu.a.local", "eu-central-1", "eu-west-1"), "");
  EXPECT_EQ(refusal("eu.a.local", "eu-central-2", "eu-central-2"), "");  // outside, but the source
  EXPECT_EQ(refusal("eu.a.none", "eu-central-1", "eu-west-1"), "there is no profile eu.a.none");
  EXPECT_EQ(refusal("eu.a.local", "eu-north-1", "eu-west-1"), "there is no Region eu-north-1");
  EXPECT_EQ(refusal("eu.a.local", "eu-central-1", "eu-north-1"), "there is no Region eu-north-1");
  EXPECT_EQ(refusal("eu.a.local", "us-east-1", "eu-west-1"),
            "eu.a.local has no row for the source us-east-1");
  EXPECT_EQ(refusal("eu.a.local", "eu-central-1", "us-east-1"),
            "us-east-1 is not in the row of eu.a.local for eu-central-1");
  EXPECT_EQ(refusal("global.a.wide", "eu-west-1", "us-east-1"), "");
  EXPECT_NE(refusal("global.a.wide", "eu-west-1", "us-gov-west-1"), "");
}

TEST(Oracle, ARowDoesNotOverruleTheGeography) {
  Draft draft = small_draft();
  draft.profiles["a.local"].rows["eu-central-1"].insert("eu-central-2");
  EXPECT_EQ(
      oracle_of(draft).refusal("eu.a.local", "eu-central-1", "eu-central-2"),
      "eu-central-2 is neither in the geography eu (version 1: eu-central-1, eu-west-1) nor the "
      "source");
}

TEST(Oracle, HashesARowAsItIsDefined) {
  const Oracle oracle = Oracle::read(catalog::Catalog::built_in()->document()).value();
  EXPECT_EQ(oracle.row_hash(oracle.in_force("eu.amazon.nova-2-lite-v1:0"), "eu-south-1"),
            "50bc5540780b3f766147d0e306fc5ae3d8d77c3faa18d0aae8a999eefeb605da");
  EXPECT_EQ(oracle.row_hash(oracle.in_force("global.amazon.nova-2-lite-v1:0"), "eu-south-1"),
            "c1ff540a0484b28a9b45d33cf6c3d09e42e61f273d7a969f804dd4fe9304fe7f");
}

TEST(Oracle, NeedsAGrantWhereThereIsNoBoundary) {
  const Oracle oracle = oracle_of(small_draft());
  EXPECT_FALSE(oracle.needs_grant(oracle.in_force("eu.a.local")));
  EXPECT_TRUE(oracle.needs_grant(oracle.in_force("global.a.wide")));
}

TEST(Oracle, RefusesWhatItCannotRead) {
  const std::string good = small_draft().document();
  const std::pair<std::string_view, std::string_view> edits[] = {
      {R"("format":1)", R"("format":1,)"},
      {R"("geographies")", R"("geography")"},
      {R"("version":1)", R"("version":"1")"},
      {R"("id":"eu-central-1")", R"("id":"eu central 1")"},
      {R"("id":"eu-central-1")", R"("id":"eu-central-1\"")"},
      {R"(["eu-central-1","eu-west-1"])", R"([])"},
      {R"(["eu-central-1","eu-west-1"])", R"([1])"},
      {R"("partition":"aws")", R"("partition":null)"},
  };
  for (const auto& [from, to] : edits) {
    std::string text = good;
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    EXPECT_FALSE(Oracle::read(text)) << to;
  }
  EXPECT_FALSE(Oracle::read(""));
  EXPECT_FALSE(Oracle::read("[]"));
}

}  // namespace
}  // namespace tidegate::proof
