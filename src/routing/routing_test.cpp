// choose() by tables, and by a property: whatever the signals say, work goes only where the row and
// they allow it.
#include "routing/routing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace tidegate::routing {
namespace {

using catalog::Catalog;
using catalog::RegionId;
using catalog::Row;

const RegionId milan("eu-south-1"), frankfurt("eu-central-1"), dublin("eu-west-1"),
    london("eu-west-2"), paris("eu-west-3");

const Row& nova_from_milan() {
  return *Catalog::built_in()->profile("eu.amazon.nova-2-lite-v1:0")->row(milan);
}

RegionSignals local(std::uint32_t slots, std::uint32_t busy, std::uint32_t waiting = 0) {
  return {.standing = Standing::local,
          .serves_model = true,
          .ready = true,
          .slots = slots,
          .busy = busy,
          .waiting = waiting};
}
RegionSignals linked(std::uint32_t slots, std::uint32_t busy, Duration rtt,
                     std::uint32_t sent = 0) {
  return {.standing = Standing::linked,
          .serves_model = true,
          .ready = true,
          .slots = slots,
          .busy = busy,
          .sent_unreported = sent,
          .rtt = rtt,
          .report_age = 40ms};
}
RegionSignals with(RegionSignals s, auto member, auto value) {
  s.*member = value;
  return s;
}
RegionSignals withdrawn(RegionSignals s, Withdrawn kind, const char* note = nullptr) {
  s.withdrawal.kind = kind;
  if (note) s.withdrawal.note = std::make_shared<const std::string>(note);
  return s;
}
RegionSignals standing(Standing standing) {
  return with(linked(2, 0, 5ms), &RegionSignals::standing, standing);
}

using World = std::map<RegionId, RegionSignals>;

Decision decide(const World& world, std::vector<RegionId> tried = {},
                const Row& row = nova_from_milan(), std::uint64_t seed = 1) {
  SeededRng rng(seed);
  const Signals signals = [&](const RegionId& region) {
    const auto at = world.find(region);
    return at == world.end() ? RegionSignals{} : at->second;
  };
  return choose(row, signals, {.model_id = "amazon.nova-2-lite-v1:0", .tried = std::move(tried)},
                rng);
}

std::string destination(const Decision& d) {
  return d.destination ? d.destination->region().str() : "none";
}

struct Case {
  std::string_view name;
  World world;
  std::vector<RegionId> tried;
  std::string_view destination;
  Reason reason;
};

TEST(Choose, FollowsTheTable) {
  const Case cases[] = {
      {"the source has room, though others are emptier",
       {{milan, local(2, 1)}, {frankfurt, linked(64, 0, 1ms)}},
       {},
       "eu-south-1",
       Reason::source_first},
      {"the source is full",
       {{milan, local(2, 2)}, {frankfurt, linked(2, 0, 11ms)}},
       {},
       "eu-central-1",
       Reason::source_full},
      {"a free slot that somebody waits for is not free",
       {{milan, local(2, 1, 1)}, {frankfurt, linked(2, 0, 11ms)}},
       {},
       "eu-central-1",
       Reason::source_full},
      {"nearer beats farther",
       {{milan, local(2, 2)}, {frankfurt, linked(8, 0, 40ms)}, {dublin, linked(8, 0, 11ms)}},
       {},
       "eu-west-1",
       Reason::source_full},
      {"emptier beats a little nearer",
       {{milan, local(2, 2)}, {frankfurt, linked(8, 7, 11ms)}, {dublin, linked(8, 0, 25ms)}},
       {},
       "eu-west-1",
       Reason::source_full},
      {"what was sent since the report counts",
       {{milan, local(2, 2)}, {frankfurt, linked(2, 0, 5ms, 2)}, {dublin, linked(2, 0, 90ms)}},
       {},
       "eu-west-1",
       Reason::source_full},
      {"the source's model server is dead",
       {{milan, with(local(2, 0), &RegionSignals::ready, false)}, {frankfurt, linked(2, 0, 5ms)}},
       {},
       "eu-central-1",
       Reason::source_unhealthy},
      {"the source has no such model",
       {{milan, with(local(2, 0), &RegionSignals::serves_model, false)},
        {frankfurt, linked(2, 0, 5ms)}},
       {},
       "eu-central-1",
       Reason::source_no_model},
      {"the source drains",
       {{milan, with(local(2, 0), &RegionSignals::draining, true)}, {frankfurt, linked(2, 0, 5ms)}},
       {},
       "eu-central-1",
       Reason::source_draining},
      {"a second attempt goes elsewhere",
       {{milan, local(2, 2)}, {frankfurt, linked(2, 0, 5ms)}, {dublin, linked(2, 0, 50ms)}},
       {frankfurt},
       "eu-west-1",
       Reason::retry},
      {"a second attempt comes home",
       {{milan, local(2, 0)}, {frankfurt, linked(2, 0, 5ms)}},
       {frankfurt},
       "eu-south-1",
       Reason::retry},
      {"a stale report is nobody's word",
       {{milan, local(2, 2)}, {frankfurt, standing(Standing::stale)}},
       {},
       "none",
       Reason::no_capacity},
      {"a broken link may come back",
       {{milan, local(2, 2)}, {frankfurt, standing(Standing::unreachable)}},
       {},
       "none",
       Reason::no_capacity},
      {"a full Region empties", {{frankfurt, linked(2, 2, 5ms)}}, {}, "none", Reason::no_capacity},
      {"draining ends in a restart",
       {{frankfurt, with(linked(2, 0, 5ms), &RegionSignals::draining, true)}},
       {},
       "none",
       Reason::no_capacity},
      {"the source is drained",
       {{milan, withdrawn(local(2, 0), Withdrawn::drained)}, {frankfurt, linked(2, 0, 5ms)}},
       {},
       "eu-central-1",
       Reason::source_draining},
      {"the source is cordoned from itself",
       {{milan, withdrawn(local(2, 0), Withdrawn::cordoned)}, {frankfurt, linked(2, 0, 5ms)}},
       {},
       "eu-central-1",
       Reason::source_cordoned},
      {"the source is excluded",
       {{milan, withdrawn(local(2, 0), Withdrawn::excluded)}, {frankfurt, linked(2, 0, 5ms)}},
       {},
       "eu-central-1",
       Reason::source_excluded},
      {"a cordoned Region is passed over, though it is nearer",
       {{milan, local(2, 2)},
        {frankfurt, withdrawn(linked(8, 0, 5ms), Withdrawn::cordoned)},
        {dublin, linked(2, 0, 50ms)}},
       {},
       "eu-west-1",
       Reason::source_full},
      {"nor is it a second attempt's",
       {{milan, local(2, 0)}, {frankfurt, withdrawn(linked(8, 0, 5ms), Withdrawn::excluded)}},
       {milan},
       "none",
       Reason::withdrawn},
      {"a full source is waited for, a cordoned Region is not",
       {{milan, local(2, 2)}, {frankfurt, withdrawn(linked(8, 0, 5ms), Withdrawn::cordoned)}},
       {},
       "none",
       Reason::no_capacity},
      {"everybody is out of use",
       {{milan, withdrawn(local(2, 0), Withdrawn::drained)},
        {frankfurt, withdrawn(linked(2, 0, 5ms), Withdrawn::excluded)}},
       {},
       "none",
       Reason::withdrawn},
      {"nobody is deployed", {}, {}, "none", Reason::no_candidate},
      {"nobody has the model",
       {{milan, with(local(2, 0), &RegionSignals::serves_model, false)},
        {frankfurt, with(linked(2, 0, 5ms), &RegionSignals::serves_model, false)}},
       {},
       "none",
       Reason::no_candidate},
      {"everybody was tried",
       {{milan, local(2, 0)}, {frankfurt, linked(2, 0, 5ms)}},
       {milan, frankfurt},
       "none",
       Reason::no_candidate},
      {"London has all the room, and is outside the row",
       {{milan, local(2, 2)}, {london, linked(64, 0, 1ms)}},
       {},
       "none",
       Reason::no_capacity},
  };
  for (const Case& c : cases) {
    const Decision d = decide(c.world, c.tried);
    EXPECT_EQ(destination(d), c.destination) << c.name;
    EXPECT_EQ(name_of(d.reason), name_of(c.reason)) << c.name;
    EXPECT_EQ(d.considered.size(), nova_from_milan().destinations().size()) << c.name;
  }
}

TEST(Choose, ASourceOutsideItsOwnRowSpillsAtOnce) {
  const RegionId source("us-gov-east-1"), west("us-gov-west-1");
  const Row& row = *Catalog::built_in()
                        ->profile("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0")
                        ->row(source);
  const Decision d = decide({{source, local(2, 0)}, {west, linked(2, 0, 60ms)}}, {}, row);
  EXPECT_EQ(destination(d), "us-gov-west-1");
  EXPECT_EQ(d.reason, Reason::source_not_in_row);
}

TEST(Choose, NearTiesAreBrokenAtRandomAndOthersAreNot) {
  const World world = {{milan, local(2, 2)},
                       {frankfurt, linked(8, 0, 20ms)},
                       {dublin, linked(8, 0, 29ms)},
                       {paris, linked(8, 0, 31ms)}};
  std::map<std::string, int> count;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    ++count[destination(decide(world, {}, nova_from_milan(), seed))];
  }
  EXPECT_GT(count["eu-central-1"], 150);
  EXPECT_GT(count["eu-west-1"], 150);
  EXPECT_EQ(count["eu-west-3"], 0);
}

TEST(Choose, SaysWhyInWords) {
  const Decision d = decide(
      {{milan, local(2, 2, 3)},
       {frankfurt, linked(2, 1, 11ms)},
       {dublin, with(standing(Standing::stale), &RegionSignals::report_age, Duration(420ms))}});
  std::map<std::string, std::string> said;
  for (const Candidate& c : d.considered) {
    said[c.region.str()] =
        std::string(name_of(c.verdict)) + ": " + sentence(c, "amazon.nova-2-lite-v1:0");
  }
  EXPECT_EQ(said["eu-south-1"], "full: 2 of 2 slots busy, 3 waiting");
  EXPECT_EQ(said["eu-central-1"], "chosen: 1 of 2 slots busy, 11.0 ms away, report 40 ms old");
  EXPECT_EQ(said["eu-west-1"], "stale_report: last report 420 ms old, more than 300 ms");
  const Decision out = decide({{milan, withdrawn(local(2, 0), Withdrawn::excluded, "INC-412")},
                               {frankfurt, withdrawn(linked(2, 0, 5ms), Withdrawn::drained)}});
  for (const Candidate& c : out.considered) {
    if (c.withdrawn()) said[c.region.str() + " out"] = sentence(c, "amazon.nova-2-lite-v1:0");
  }
  EXPECT_EQ(said["eu-south-1 out"], "excluded: INC-412");
  EXPECT_EQ(said["eu-central-1 out"], "drained, as it says");
  EXPECT_EQ(said["eu-north-1"], "not_deployed: in the row, not run by this deployment");
}

TEST(Choose, KeepsToTheCallersPartOfTheRow) {
  const auto kept = nova_from_milan().narrow({frankfurt, dublin}).value();
  const auto choose_in = [&](const World& world) {
    SeededRng rng(1);
    return choose(
        nova_from_milan(),
        [&](const RegionId& region) {
          const auto at = world.find(region);
          return at == world.end() ? RegionSignals{} : at->second;
        },
        {.model_id = "amazon.nova-2-lite-v1:0", .tried = {}, .subset = &kept}, rng);
  };
  const Decision spilled = choose_in({{milan, local(8, 0)},
                                      {frankfurt, linked(2, 2, 5ms)},
                                      {dublin, linked(2, 0, 50ms)},
                                      {paris, linked(64, 0, 1ms)}});
  EXPECT_EQ(destination(spilled), "eu-west-1");
  EXPECT_EQ(spilled.reason, Reason::source_narrowed_out);
  const Decision full = choose_in({{milan, local(8, 0)}, {frankfurt, linked(2, 2, 5ms)}});
  EXPECT_EQ(destination(full), "none");
  EXPECT_EQ(full.reason, Reason::no_capacity) << "it waits for Frankfurt, with Milan empty";
  const Decision nobody = choose_in({{milan, local(8, 0)}, {paris, linked(64, 0, 1ms)}});
  EXPECT_EQ(nobody.reason, Reason::no_candidate);
  for (const Candidate& c : nobody.considered) {
    EXPECT_EQ(c.verdict == Verdict::narrowed_out, !kept.contains(c.region)) << c.region.str();
  }
}

// Every profile's rows, random worlds: the destination is in the row, was not tried and could
// serve; and there is one whenever somebody could.
TEST(Choose, NeverLeavesTheRowWhateverTheSignals) {
  SeededRng rng(20261122);
  std::vector<const Row*> rows;
  for (const auto& [id, profile] : Catalog::built_in()->profiles()) {
    for (const auto& [source, row] : profile.rows) rows.push_back(&row);
  }
  const auto regions = Catalog::built_in()->regions();
  for (int round = 0; round < 5'000; ++round) {
    const Row& row = *rows[rng.below(rows.size())];
    World world;
    for (const auto& info : regions) {
      world[info.id] = {
          .standing = info.id == row.source() ? Standing::local : Standing(1 + rng.below(4)),
          .serves_model = rng.below(4) != 0,
          .ready = rng.below(4) != 0,
          .draining = rng.below(5) == 0,
          .withdrawal = {.kind = Withdrawn(rng.below(8) < 5 ? 0 : rng.below(4)), .note = nullptr},
          .slots = static_cast<std::uint32_t>(rng.below(4)),
          .busy = static_cast<std::uint32_t>(rng.below(4)),
          .waiting = static_cast<std::uint32_t>(rng.below(2)),
          .sent_unreported = static_cast<std::uint32_t>(rng.below(2)),
          .rtt = Duration(rng.below(100'000'000)),
          .report_age = Duration(rng.below(400'000'000))};
    }
    std::vector<RegionId> tried;
    for (const auto& info : regions) {
      if (rng.below(6) == 0) tried.push_back(info.id);
    }
    const auto could = [&](const RegionId& region) {
      const RegionSignals& s = world[region];
      return (s.standing == Standing::local || s.standing == Standing::linked) && s.serves_model &&
             s.ready && !s.draining && s.withdrawal.kind == Withdrawn::no &&
             s.slots > s.busy + s.waiting + s.sent_unreported &&
             std::ranges::find(tried, region) == tried.end();
    };
    const Decision d = decide(world, tried, row, rng.next());
    bool somebody = false;
    for (const auto& destination : row.destinations()) somebody |= could(destination.region());
    ASSERT_EQ(d.destination.has_value(), somebody);
    if (!d.destination) continue;
    const RegionId& chosen = d.destination->region();
    ASSERT_NE(row.find(chosen), nullptr);
    ASSERT_TRUE(could(chosen));
    if (row.find(row.source()) && could(row.source())) ASSERT_EQ(chosen, row.source());
  }
}

}  // namespace
}  // namespace tidegate::routing
