#include <set>

#include "audit/segment.hpp"
#include "audit/testing.hpp"

namespace tidegate::audit {
namespace {

using testing::LogTest;

TEST_F(LogTest, ACrashLosesNothingAndInventsNothing) {
  open();
  write(1);
  ASSERT_TRUE(log->append_opened(record(2)));
  tick();
  ASSERT_TRUE(log->append_opened(record(3)));  // after the last chain entry
  for (int restart = 0; restart < 3; ++restart) {
    crash();
    open();
    const auto records = lookup();
    ASSERT_EQ(records.size(), 3u) << restart;
    std::map<std::string, std::string> outcomes;
    for (const auto& one : records) {
      outcomes[text(one, "requestID")] = text(tidegate(one), "outcome");
    }
    EXPECT_EQ(outcomes[std::string(record(1).request_id)], "Success");
    EXPECT_EQ(outcomes[std::string(record(2).request_id)], "Interrupted");
    EXPECT_EQ(outcomes[std::string(record(3).request_id)], "Interrupted");
    tick();
    expect_chain(6);
  }
}

TEST_F(LogTest, ACrashAtAnyByteIsRepaired) {
  open();
  write(1);
  tick();
  write(2);
  log->tick();
  crash();
  const std::string name = files->names().front();
  const std::string whole = files->bytes(name);
  for (const std::string_view reserve : {"", "\n\n\n\n\n\n\n"}) {
    std::size_t records_before = 0;
    for (std::size_t size = 0; size <= whole.size(); size += 37) {
      files = std::make_shared<MemoryFiles>();
      files->set_bytes(name, whole.substr(0, size).append(reserve));
      open();
      tick();
      const auto records = lookup();
      EXPECT_GE(records.size(), records_before) << size;
      records_before = records.size();
      const ChainReport report = verify();
      EXPECT_TRUE(report.holds()) << size << ": " << report.findings.front();
      log.reset();
      EXPECT_FALSE(files->bytes(name).contains("\n\n")) << size;
    }
    EXPECT_EQ(records_before, 2u);
  }
}

TEST_F(LogTest, APageOfTheReserveThatCameLateCostsItsLinesOnly) {
  open();
  for (int i = 0; i < 3; ++i) write(i);
  crash();
  const std::string name = files->names().front();
  std::string bytes = files->bytes(name);
  const std::size_t from = bytes.find(record(1).request_id);
  bytes.replace(from, 40, 40, '\n');
  files->set_bytes(name, bytes + std::string(100, '\n'));
  open();
  std::set<std::string> found;
  for (const auto& one : lookup()) found.insert(text(one, "requestID"));
  EXPECT_TRUE(found.contains(std::string(record(0).request_id)));
  EXPECT_TRUE(found.contains(std::string(record(2).request_id)));
  tick();
  const ChainReport report = verify();
  EXPECT_TRUE(report.holds()) << report.findings.front();
}

TEST_F(LogTest, InterruptedRequestsMayHaveBegunManySegmentsAgo) {
  options.segment_bytes_max = 4'000;
  open();
  ASSERT_TRUE(log->append_opened(record(1'000)));
  for (int i = 0; i < 30; ++i) {
    write(i);
    tick();
  }
  EXPECT_GT(files->names().size(), 10u);
  crash();
  open();
  const auto found = log->find(record(1'000).request_id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(text(tidegate(**found), "outcome"), "Interrupted");
  EXPECT_EQ(lookup().size(), 31u);
}

TEST_F(LogTest, APowerCutKeepsWhatWasSynced) {
  open();
  write(1);
  tick();
  tick();
  write(2);
  auto left = files->copy();
  left->lose_unsynced();
  log.reset();
  files = std::move(left);
  open();
  EXPECT_EQ(lookup().size(), 1u);
  tick();
  expect_chain(2);
}

TEST_F(LogTest, AFullDiskAtTheStartIsWaitedFor) {
  open();
  ASSERT_TRUE(log->append_opened(record(1)));
  crash();
  files->set_space(0);
  open();
  EXPECT_FALSE(log->health().writable);
  EXPECT_FALSE(log->append_opened(record(2)));
  files->set_space(UINT64_MAX);
  tick(2s);
  EXPECT_TRUE(log->health().writable);
  EXPECT_EQ(lookup().size(), 1u) << "what the crash left owing comes with the first segment";
  tick();
  expect_chain(2);
}

TEST_F(LogTest, AHalfLineBeforeAWholeOneCostsOnlyItself) {
  for (const bool before_closed : {false, true}) {
    files = std::make_shared<MemoryFiles>();
    open();
    write(1);
    write(2);
    crash();
    const std::string name = files->names().front();
    std::string bytes = files->bytes(name);
    const std::string_view id = record(2).request_id;
    const auto line = bytes.rfind('\n', before_closed ? bytes.rfind(id) : bytes.find(id)) + 1;
    bytes.insert(line, R"({"t":"closed","at":1,"id":"torn","e":{"even)");
    files->set_bytes(name, bytes);
    open();
    EXPECT_EQ(lookup().size(), 2u) << before_closed;
    tick();
    expect_chain(4);
    log.reset();
  }
}

TEST_F(LogTest, NamesSortEvenIfTheClockGoesBack) {
  open();
  write(1);
  crash();
  loop.run_for(1s);
  const_cast<VirtualClock&>(static_cast<const VirtualClock&>(loop.clock()))
      .set_wall_offset(-std::chrono::hours(5));
  open();
  write(2);
  tick();
  const auto records = lookup();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(text(records[0], "requestID"), record(2).request_id);
  EventQuery early;
  early.end = loop.clock().wall();
  EXPECT_EQ(lookup(early).size(), 1u);
}

TEST_F(LogTest, ARestartReadsOnlyTheEndsOfSealedSegments) {
  options.segment_bytes_max = 8'000;
  open();
  for (int i = 0; i < 20; ++i) {
    write(i);
    tick();
  }
  log.reset();
  for (const std::string& name : files->names()) {
    EXPECT_NE(files->bytes(name).find(R"({"t":"seal")"), std::string::npos) << name;
  }
  open();
  EventQuery query;
  query.start = loop.clock().wall() + 1s;
  EXPECT_TRUE(lookup(query).empty());
  EXPECT_EQ(lookup().size(), 20u);
}

TEST(Segment, Names) {
  const WallTime start = std::chrono::sys_days{std::chrono::year{2026} / 6 / 8} +
                         std::chrono::microseconds(33'302'123'456);
  EXPECT_EQ(segment_name(start), "audit-20260608T091502123456Z.jsonl");
  EXPECT_EQ(segment_start(segment_name(start)), start);
  for (const char* bad :
       {"", "audit-.jsonl", "audit-20260608T091502123456Z.json",
        "audit-20261308T091502123456Z.jsonl", "audit-20260608T09150212345xZ.jsonl",
        "../audit-20260608T091502123456Z.jsonl"}) {
    EXPECT_FALSE(segment_start(bad)) << bad;
  }
}

}  // namespace
}  // namespace tidegate::audit
