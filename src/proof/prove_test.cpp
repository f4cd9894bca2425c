// The proof has to find what is wrong wherever it is: in the data, at the source, at the
// destination; and has to be silent where nothing is.
#include "proof/prove.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.hpp"
#include "proof/draft.hpp"
#include "proof/report_json.hpp"

namespace tidegate::proof {
namespace {

using catalog::Catalog;

const SystemClock the_clock{};

Report proven(const Draft& draft) {
  return prove(draft.catalog(), the_clock).value();
}

Report compared(const Draft& before, const Draft& now) {
  Report report;
  compare(Oracle::read(before.document()).value(), Oracle::read(now.document()).value(), report);
  return report;
}

// What the layers say, in their order: "yes yes no no".
std::string claims(const Violation& violation) {
  std::string out;
  for (const Claim& claim : violation.claims) {
    out += fmt::format("{}{}", out.empty() ? "" : " ", claim.allows ? "yes" : "no");
  }
  return out;
}

const Violation* find(const Report& report, std::string_view rule) {
  const auto found = std::ranges::find(report.counterexamples, rule, &Violation::rule);
  return found == report.counterexamples.end() ? nullptr : &*found;
}

TEST(BuiltIn, HoldsOnEveryTriple) {
  const Report report = prove(Catalog::built_in(), the_clock).value();
  EXPECT_TRUE(report.holds()) << json::serialize(to_json(report));
  EXPECT_EQ(report.profiles, 132u);
  EXPECT_EQ(report.regions, 35u);
  EXPECT_EQ(report.triples, 161'700u);
  EXPECT_EQ(report.allowed, 16'903u);
  EXPECT_EQ(report.bundle_sha256, Catalog::built_in()->digest());
}

// As on 2025-10-01: Zurich, a destination of Frankfurt.
TEST(BuiltIn, AMisRowGivesTheRequestThatBreaksIt) {
  std::string text = Catalog::built_in()->document();
  const auto profile = text.find(R"({"id": "eu.amazon.nova-2-lite-v1:0")");
  const std::string row = R"("eu-central-1": ["eu-central-1", )";
  const auto at = text.find(row, profile);
  ASSERT_NE(at, std::string::npos);
  text.insert(at + row.size(), R"("eu-central-2", )");
  const Report report = prove(Catalog::parse(text).value(), the_clock).value();
  ASSERT_EQ(report.violations, 1u) << json::serialize(to_json(report));
  const Violation& found = report.counterexamples.front();
  EXPECT_EQ(found.rule, "outside_fence");
  EXPECT_EQ(found.profile, "eu.amazon.nova-2-lite-v1:0");
  EXPECT_EQ(found.source, "eu-central-1");
  EXPECT_EQ(found.destination, "eu-central-2");
  EXPECT_EQ(claims(found), "yes no no no");
  EXPECT_NE(found.claims.back().says.find("neither in the geography eu (version 1:"),
            std::string::npos)
      << found.claims.back().says;
}

TEST(Prove, AnInRegionProfileIsAskedAtItsSourceOnly) {
  Draft draft = small_draft();
  draft.profiles["a.home"] = {.geography = "global",  // says nothing about it
                              .scope = "in_region",
                              .rows = {{"us-east-1", {"us-east-1"}}, {"eu-west-1", {"eu-west-1"}}}};
  const Report report = proven(draft);
  EXPECT_TRUE(report.holds()) << json::serialize(to_json(report));
  EXPECT_EQ(report.allowed, 2u + 2 + 4 + 2);
}

TEST(Prove, ASmallCatalogueHolds) {
  const Report report = proven(small_draft());
  EXPECT_TRUE(report.holds()) << json::serialize(to_json(report));
  EXPECT_EQ(report.triples, 2u * 5 * 5);
  EXPECT_EQ(report.allowed, 2u + 2 + 4);  // the global row stays in its partition
}

Report between(const Draft& source, const Draft& destination, const Draft& document) {
  const std::string text = document.document();
  return prove({.source = source.catalog(), .destination = destination.catalog(), .document = text},
               the_clock)
      .value();
}

TEST(Prove, FindsASourceThatHasAWiderRow) {
  const Draft honest = small_draft();
  Draft wide = honest;
  wide.profiles["a.local"].rows["eu-central-1"].insert("us-east-1");
  const Report report = between(wide, honest, honest);
  ASSERT_TRUE(find(report, "outside_fence"));
  EXPECT_EQ(claims(*find(report, "outside_fence")), "yes no no no");
  EXPECT_TRUE(find(report, "row_hash"));
  EXPECT_EQ(report.violations, 2u);
}

TEST(Prove, FindsADestinationThatHasAWiderRow) {
  const Draft honest = small_draft();
  Draft wide = honest;
  wide.profiles["a.local"].rows["eu-central-1"].insert("us-east-1");
  wide.geographies["eu"].second.insert("us-east-1");
  const Report report = between(honest, wide, honest);
  ASSERT_TRUE(find(report, "outside_fence"));
  EXPECT_EQ(claims(*find(report, "outside_fence")), "no no yes no");
  EXPECT_TRUE(find(report, "row_hash"));
}

TEST(Prove, FindsAnEndThatHasARowMore) {
  const Draft honest = small_draft();
  Draft wide = honest;
  wide.profiles["a.local"].rows["us-east-1"] = {"eu-west-1"};
  const Report report = between(wide, honest, honest);
  ASSERT_TRUE(find(report, "outside_fence"));
  EXPECT_EQ(find(report, "outside_fence")->source, "us-east-1");
  EXPECT_EQ(report.violations, 1u);
}

TEST(Prove, FindsALayerThatRefusesWhatTheFenceAllows) {
  const Draft honest = small_draft();
  Draft narrow = honest;
  narrow.profiles["a.local"].rows["eu-central-1"].erase("eu-west-1");
  const Report report = between(honest, narrow, honest);
  ASSERT_TRUE(find(report, "layers_differ"));
  EXPECT_EQ(claims(*find(report, "layers_differ")), "yes yes no yes");
}

TEST(Prove, FindsAnEndThatKnowsOtherProfiles) {
  const Draft honest = small_draft();
  Draft more = honest;
  more.profiles["a.more"] = more.profiles["a.local"];
  const Report report = between(honest, more, honest);
  EXPECT_EQ(report.violations, 1u);
  EXPECT_TRUE(find(report, "readings_differ"));
}

// A profile without a boundary must not pass for one that needs no grant.
TEST(Prove, FindsAGlobalProfileThatSaysItIsGeographic) {
  Draft draft = small_draft();
  draft.profiles["a.wide"].scope = "geographic";
  const Report report = proven(draft);
  EXPECT_EQ(report.violations, 4u);
  EXPECT_TRUE(find(report, "not_granted"));
}

TEST(Prove, CountsThemAllAndKeepsTheFirst) {
  Draft draft = small_draft();
  for (int i = 0; i < 30; ++i) {
    auto& profile = draft.profiles[fmt::format("a.m{}", i)];
    profile = {.geography = "eu", .rows = {{"eu-west-1", {"us-east-1"}}}};
  }
  const Report report = proven(draft);
  EXPECT_EQ(report.violations, 30u);
  EXPECT_EQ(report.counterexamples.size(), counterexamples_max);
}

// What is not in force any more is still admitted, so it is still asked about.
TEST(Prove, AsksAboutOlderVersionsThatAreStillAdmitted) {
  const std::string both =
      R"({"id":"eu.a.local","name":"P","scope":"geographic","geography":"eu","model":"a.local",)"
      R"("version":2,"rows":{"eu-central-1":["eu-central-1"]}},)";
  const auto with_both = [&](const Draft& draft) {
    std::string text = draft.document();
    return text.insert(text.find(R"({"id":"eu.a.local")"), both);
  };
  const auto proven_with = [&](const Draft& draft) {
    return prove(Catalog::parse(with_both(draft)).value(), the_clock).value();
  };
  const Report good = proven_with(small_draft());
  EXPECT_TRUE(good.holds()) << json::serialize(to_json(good));
  EXPECT_EQ(good.triples, 3u * 5 * 5);
  EXPECT_EQ(good.allowed, 2u + 2 + 4 + 1);

  Draft wide = small_draft();  // its version 1, which the second follows
  wide.profiles["a.local"].rows["eu-central-1"].insert("us-east-1");
  EXPECT_TRUE(proven_with(wide).holds()) << "its geography keeps it in, at both ends";
  wide.geographies["eu"].second.insert("us-east-1");
  const auto ends = Catalog::parse(with_both(wide)).value();
  const Report report =
      prove({.source = ends, .destination = ends, .document = with_both(small_draft())}, the_clock)
          .value();
  ASSERT_TRUE(find(report, "outside_fence")) << json::serialize(to_json(report));
  EXPECT_EQ(claims(*find(report, "outside_fence")), "no yes yes no");  // nothing is routed by it
  EXPECT_EQ(report.violations, 3u) << "and the row's hash at either end";
}

TEST(Prove, FindsAnInRegionProfileThatLeavesItsRegion) {
  Draft draft = small_draft();
  draft.profiles["a.local"].scope = "in_region";
  EXPECT_FALSE(Catalog::parse(draft.document()));  // the reader refuses it, and so does the oracle
  EXPECT_EQ(Oracle::read(draft.document())->refusal("eu.a.local", "eu-central-1", "eu-west-1"),
            "eu.a.local runs at its source only");
}

TEST(Compare, WhatGoesIsRevokedAndStaysGone) {
  const Draft before = small_draft();
  Draft without = before;
  without.profiles.erase("a.wide");
  EXPECT_TRUE(find(compared(before, without), "gone_not_revoked"));
  const auto with_revocation = [](const Draft& draft, int version) {
    std::string text = draft.document();
    text.pop_back();
    return text +
           fmt::format(R"(,"revoked":[{{"profile":"global.a.wide","version":{}}}]}})", version);
  };
  const auto rules = [](const std::string& was, const std::string& is) {
    Report report;
    compare(Oracle::read(was).value(), Oracle::read(is).value(), report);
    return report;
  };
  EXPECT_TRUE(rules(before.document(), with_revocation(without, 1)).holds());
  EXPECT_TRUE(rules(with_revocation(without, 1), with_revocation(without, 2)).holds());
  EXPECT_TRUE(
      find(rules(with_revocation(without, 2), with_revocation(without, 1)), "revocation_lifted"));
  EXPECT_TRUE(find(rules(with_revocation(without, 1), before.document()), "revocation_lifted"));
}

TEST(Compare, ARowIsFrozenUnderItsVersion) {
  const Draft before = small_draft();
  EXPECT_TRUE(compared(before, before).holds());

  Draft wider = before;
  auto& profile = wider.profiles["a.local"];
  profile.rows["eu-central-2"].insert("eu-west-1");  // inside the geography: only this can find it
  EXPECT_TRUE(proven(wider).holds());
  ASSERT_TRUE(find(compared(before, wider), "row_changed"));
  EXPECT_EQ(find(compared(before, wider), "row_changed")->source, "eu-central-2");
  profile.version = 2;
  EXPECT_TRUE(compared(before, wider).holds());
  EXPECT_TRUE(find(compared(wider, before), "version_lower"));
}

TEST(Compare, ANewSourceRowChangesNoOther) {
  Draft more = small_draft();
  more.profiles["a.local"].rows["eu-west-1"] = {"eu-west-1"};
  EXPECT_TRUE(compared(small_draft(), more).holds());
}

TEST(Compare, AStarGrowsWithTheRegions) {
  Draft more = small_draft();
  more.regions["eu-west-2"] = "aws";
  const Report report = compared(small_draft(), more);
  EXPECT_EQ(report.violations, 1u);
  EXPECT_TRUE(find(report, "row_changed"));
}

// The proof itself believes the geography; that it does not change unnoticed is this comparison's.
TEST(Compare, AGeographyIsFrozenUnderItsVersion) {
  Draft wider = small_draft();
  wider.geographies["eu"].second.insert("eu-central-2");
  wider.profiles["a.local"].rows["eu-central-1"].insert("eu-central-2");
  wider.profiles["a.local"].version = 2;
  EXPECT_TRUE(proven(wider).holds());
  EXPECT_TRUE(find(compared(small_draft(), wider), "geography_changed"));
  wider.geographies["eu"].first = 2;
  EXPECT_TRUE(compared(small_draft(), wider).holds());
  EXPECT_TRUE(find(compared(wider, small_draft()), "version_lower"));
}

// ---- random catalogues

template <class Container>
std::string any(const Container& names, Rng& rng) {
  return *std::next(names.begin(), static_cast<std::ptrdiff_t>(rng.below(names.size())));
}

Draft random_draft(Rng& rng) {
  Draft draft;
  Draft::Names all;
  for (std::uint64_t i = 0; i < 3 + rng.below(5); ++i) {
    all.insert(fmt::format("r-{}", i));
    draft.regions[fmt::format("r-{}", i)] = "aws";
  }
  for (const char* geography : {"ga", "gb"}) {
    draft.geographies[geography].first = 1;
    for (std::uint64_t i = 0; i < 1 + rng.below(3); ++i) {
      draft.geographies[geography].second.insert(any(all, rng));
    }
  }
  for (std::uint64_t i = 0; i < 1 + rng.below(4); ++i) {
    auto& profile = draft.profiles[fmt::format("a.m{}", i)];
    profile.geography = rng.below(2) == 0 ? "ga" : "gb";
    for (std::uint64_t rows = 0; rows < 1 + rng.below(3); ++rows) {
      const std::string source = any(all, rng);
      auto& row = profile.rows[source];
      row.insert(any(draft.geographies[profile.geography].second, rng));
      if (rng.below(2) == 0) row.insert(source);
    }
  }
  return draft;
}

std::size_t allowed_in(const Draft& draft) {
  std::size_t count = 0;
  for (const auto& [model, profile] : draft.profiles) {
    for (const auto& [source, row] : profile.rows) count += row.size();
  }
  return count;
}

TEST(Property, WhatIsInsideHoldsAndWhatWidensIsFound) {
  std::size_t outside = 0, inside = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SeededRng rng(seed);
    const Draft draft = random_draft(rng);
    const Report good = proven(draft);
    ASSERT_TRUE(good.holds()) << seed << ": " << json::serialize(to_json(good));
    ASSERT_EQ(good.allowed, allowed_in(draft)) << seed;

    // One Region more in one row, under the same version.
    Draft wider = draft;
    auto& [model, profile] = *std::next(
        wider.profiles.begin(), static_cast<std::ptrdiff_t>(rng.below(wider.profiles.size())));
    auto& [source, row] = *std::next(profile.rows.begin(),
                                     static_cast<std::ptrdiff_t>(rng.below(profile.rows.size())));
    const std::string added =
        std::next(wider.regions.begin(),
                  static_cast<std::ptrdiff_t>(rng.below(wider.regions.size())))
            ->first;
    if (!row.insert(added).second) continue;
    const Report changed = compared(draft, wider);
    ASSERT_EQ(changed.violations, 1u) << seed;
    EXPECT_EQ(changed.counterexamples.front().source, source) << seed;

    const bool fenced =
        added == source || wider.geographies[profile.geography].second.contains(added);
    const Report report = proven(wider);
    ASSERT_EQ(report.holds(), fenced) << seed << ": " << json::serialize(to_json(report));
    ++(fenced ? inside : outside);
    if (fenced) continue;
    const Violation& found = report.counterexamples.front();
    EXPECT_EQ(found.profile, profile.geography + "." + model) << seed;
    EXPECT_EQ(found.source, source) << seed;
    EXPECT_EQ(found.destination, added) << seed;
  }
  EXPECT_GT(outside, 50u);
  EXPECT_GT(inside, 20u);
}

// Two Regions with two catalogues: every triple on which they differ is found, and no other.
TEST(Property, TwoEndsThatDifferAreFound) {
  for (std::uint64_t seed = 1'000; seed <= 1'150; ++seed) {
    SeededRng rng(seed);
    const Draft draft = random_draft(rng);
    Draft other = draft;
    auto& profile = other.profiles.begin()->second;
    auto& [source, row] = *profile.rows.begin();
    const std::string toggled = any(Draft::Names{"r-0", "r-1", "r-2"}, rng);
    if (row.contains(toggled) && row.size() == 1) continue;
    if (row.erase(toggled) == 0) {
      row.insert(toggled);
      // Else the end that has the wider row would refuse it by its own geography.
      if (auto& names = other.geographies[profile.geography].second; !names.contains("*"))
        names.insert(toggled);
    }
    for (const Report& report : {between(draft, other, draft), between(other, draft, draft)}) {
      ASSERT_EQ(report.violations, 2u) << seed;  // the triple, and the row's hash
      EXPECT_TRUE(find(report, "row_hash"));
      const auto triple = std::ranges::find_if(
          report.counterexamples, [](const Violation& v) { return !v.claims.empty(); });
      ASSERT_NE(triple, report.counterexamples.end());
      EXPECT_EQ(triple->destination, toggled) << seed;
    }
  }
}

}  // namespace
}  // namespace tidegate::proof
