#include "audit/log.hpp"

#include <atomic>
#include <set>
#include <thread>

#include "audit/entry.hpp"
#include "audit/segment.hpp"
#include "audit/testing.hpp"

namespace tidegate::audit {
namespace {

using testing::full_record;
using testing::LogTest;
using testing::write_both;

TEST_F(LogTest, OneRecordARequest) {
  open();
  for (int i = 0; i < 3; ++i) write(i);
  tick();
  const auto records = lookup();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(text(records[0], "requestID"), record(2).request_id) << "newest first";
  EXPECT_EQ(tidegate(records[0]).at("sequence"), 6);
  EXPECT_EQ(tidegate(records[2]).at("sequence"), 2);
  expect_chain(6);
}

TEST_F(LogTest, FindsOneRequestWhateverItsState) {
  open();
  write(1);
  ASSERT_TRUE(log->append_opened(record(2)));
  const auto closed = log->find(record(1).request_id);
  ASSERT_TRUE(closed && *closed);
  EXPECT_EQ(text(tidegate(**closed), "outcome"), "Success");
  const auto running = log->find(record(2).request_id);
  ASSERT_TRUE(running && *running);
  EXPECT_EQ(text(tidegate(**running), "outcome"), "InProgress");
  EXPECT_EQ(lookup().size(), 1u) << "a record is there when the request is over";
  const auto unknown = log->find("no-such-id");
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(*unknown);
}

TEST_F(LogTest, ServiceEventsBelongToNoAccount) {
  open();
  write(1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(log->append_service_event({.event_id = "event-" + std::to_string(i),
                                           .event_time = loop.clock().wall(),
                                           .event_name = "GeofenceViolation",
                                           .source_region = "eu-south-1",
                                           .details = {{"account", "111122223333"}}}));
    loop.run_for(10s);
  }
  EXPECT_EQ(lookup().size(), 1u);
  const auto all = log->service_events(std::nullopt, 10);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ(text(all->front(), "eventID"), "event-2");
  EXPECT_EQ(log->service_events(std::nullopt, 2)->size(), 2u);
  EXPECT_EQ(log->service_events(loop.clock().wall() - 11s, 10)->size(), 1u);
}

TEST_F(LogTest, StrictWaitsForTheSync) {
  options.durability = Durability::strict;
  open();
  int synced = 0, failed = 0, woken = 0;
  log->set_waker([&] { ++woken; });
  const auto count = [&](const Result<void>& done) { ++(done ? synced : failed); };
  const auto ticket = log->append_closed(record(1));
  ASSERT_TRUE(ticket);
  log->on_synced(ticket->ticket, count);
  EXPECT_EQ(synced, 0);
  EXPECT_GT(woken, 0);
  log->tick();
  EXPECT_EQ(synced, 1);
  log->on_synced(ticket->ticket, count);
  EXPECT_EQ(synced, 2) << "already on disk: at once";

  const auto lost = log->append_closed(record(2));
  ASSERT_TRUE(lost);
  files->fail_syncs(1);
  log->on_synced(lost->ticket, count);
  log->tick();
  EXPECT_EQ(failed, 1);
  for (int i = 0; i < 5; ++i) tick(1s);
  log->on_synced(lost->ticket, count);
  EXPECT_EQ(failed, 2) << "a later sync of another file says nothing about this one";
  log->on_synced(ticket->ticket, count);
  EXPECT_EQ(synced, 3);
}

TEST_F(LogTest, RelaxedDoesNotWait) {
  open();
  bool done = false;
  log->on_synced(log->append_closed(record(1))->ticket,
                 [&](Result<void> r) { done = r.has_value(); });
  EXPECT_TRUE(done);
  EXPECT_EQ(log->health().unsynced, 1u);
  log->tick();
  EXPECT_EQ(log->health().unsynced, 0u);
  EXPECT_EQ(log->health().oldest_unsynced, Duration(0));
}

TEST_F(LogTest, RollsBySizeAndByDay) {
  options.segment_bytes_max = 6'000;
  open();
  for (int i = 0; i < 20; ++i) {
    write(i);
    tick();
  }
  tick();
  EXPECT_GT(files->names().size(), 5u);
  for (const std::string& name : files->names()) {
    EXPECT_TRUE(segment_start(name)) << name;
    EXPECT_LT(files->bytes(name).size(), 16'000u);
  }
  EXPECT_EQ(lookup().size(), 20u);
  expect_chain(40);

  options.segment_bytes_max = limits::segment_bytes_max;
  open();
  write(20);
  log->tick();
  const std::size_t settled = files->names().size();
  tick(std::chrono::hours(24));
  EXPECT_EQ(files->names().size(), settled + 1) << "a new day, a new file";
  tick(std::chrono::hours(24));
  tick(std::chrono::hours(24));
  EXPECT_EQ(files->names().size(), settled + 1) << "but none for days without entries";
  EXPECT_EQ(lookup().size(), 21u);
}

TEST_F(LogTest, RetentionRemovesWholeSegments) {
  options.retention_days = 3;
  open();
  for (int day = 0; day < 10; ++day) {
    write(day);
    tick();
    loop.run_for(std::chrono::hours(24));
    for (int i = 0; i < 3; ++i) tick(2s);
  }
  const auto records = lookup();
  EXPECT_EQ(records.size(), 2u) << "of the last three days, to the second";
  EXPECT_EQ(text(records.front(), "requestID"), record(9).request_id);
  EXPECT_LE(files->names().size(), 5u);
  const ChainReport report = verify();
  EXPECT_TRUE(report.holds()) << report.findings.front();
  EXPECT_GT(report.first_sequence, 1u);
}

TEST_F(LogTest, AFailedWriteRefusesUntilANewSegmentWorks) {
  open();
  write(1);
  log->tick();
  files->fail_appends(1);
  const auto refused = log->append_closed(record(2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::audit_unavailable);
  EXPECT_FALSE(log->health().writable);
  EXPECT_FALSE(log->append_opened(record(3))) << "the file is not trusted again";
  EXPECT_FALSE(log->health().last_error.empty());
  log->tick();
  EXPECT_TRUE(log->health().writable);
  EXPECT_EQ(files->names().size(), 2u);
  write(4);
  tick();
  EXPECT_EQ(lookup().size(), 2u);
  expect_chain(4);
}

TEST_F(LogTest, AFailedSyncIsNeverTrustedAgain) {
  open();
  write(1);
  files->fail_syncs(2);  // of the file, and of its successor
  log->tick();
  EXPECT_FALSE(log->health().writable);
  EXPECT_FALSE(log->append_opened(record(2)));
  tick(100ms);
  EXPECT_FALSE(log->health().writable) << "the next try comes a second later";
  tick(1s);
  EXPECT_TRUE(log->health().writable);
  write(3);
  tick();
  EXPECT_EQ(log->health().unsynced, 0u) << "what was lost is not waited for";
  EXPECT_EQ(lookup().size(), 2u);
  expect_chain(4);
}

TEST_F(LogTest, AFullDiskLeavesNoMergedLines) {
  open();
  write(1);
  log->tick();
  files->set_space(300);  // half an entry
  EXPECT_FALSE(log->append_closed(record(2)));
  for (int i = 0; i < 100; ++i) tick(1s);
  EXPECT_FALSE(log->health().writable);
  EXPECT_LE(files->names().size(), 2u) << "no heap of empty files";
  files->set_space(UINT64_MAX);
  tick(31s);
  EXPECT_TRUE(log->health().writable);
  write(3);
  tick();
  EXPECT_EQ(lookup().size(), 2u);
  expect_chain(4);
  crash();
  open();
  EXPECT_EQ(lookup().size(), 2u);
}

TEST_F(LogTest, ThreadsAppendWhileSegmentsRoll) {
  options.segment_bytes_max = 64'000;
  open();
  constexpr int threads = 4, each = 500;
  std::atomic<int> failures = 0, running = threads;
  std::vector<std::thread> workers;
  const WallTime now = loop.clock().wall();
  for (int worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&, worker] {
      for (int i = 0; i < each; ++i) {
        const Record r = full_record(worker * each + i, now);
        if (!write_both(*log, r)) ++failures;
        std::this_thread::yield();
      }
      --running;
    });
  }
  while (running > 0) log->tick();
  for (std::thread& worker : workers) worker.join();
  log->tick();
  log->tick();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(files->names().size(), 10u);
  std::set<std::string> ids;
  std::set<std::int64_t> sequences;
  for (const json::object& one : lookup()) {
    ids.insert(text(one, "requestID"));
    sequences.insert(tidegate(one).at("sequence").as_int64());
  }
  EXPECT_EQ(ids.size(), std::size_t{threads * each});
  EXPECT_EQ(sequences.size(), std::size_t{threads * each});
  expect_chain(2 * threads * each);
}

TEST_F(LogTest, TheChainReadsBackWhatWasTooMuchToKeep) {
  open();
  Buffer line;
  append_entry(line, Stage::closed, record(1), {});
  std::string lines;
  std::uint64_t count = 0;
  while (lines.size() < limits::audit_batch_bytes) {
    lines += line.view();
    ++count;
  }
  for (std::size_t written = 0; written <= limits::audit_tail_bytes_max; written += lines.size()) {
    ASSERT_TRUE(log->append(lines, count));
  }
  write(2);
  const std::uint64_t entries = log->health().entries;
  tick();
  write(3);
  tick();
  expect_chain(entries + 2);
}

TEST_F(LogTest, EntriesOfOneWriteStandOrFallTogether) {
  open();
  Buffer lines;
  for (int i = 0; i < 3; ++i) append_entry(lines, Stage::closed, record(i), {});
  files->fail_appends(1);
  EXPECT_FALSE(log->append(lines.view(), 3));
  for (int i = 0; i < 2; ++i) tick(1s);
  ASSERT_TRUE(log->append(lines.view(), 3));
  tick();
  EXPECT_EQ(lookup().size(), 3u);
  EXPECT_EQ(log->health().entries, 3u);
  expect_chain(3);
}

TEST_F(LogTest, TheChainShowsEveryChange) {
  open();
  for (int i = 0; i < 5; ++i) {
    write(i);
    tick();
  }
  log.reset();
  const std::string name = files->names().front();
  const std::string good = files->bytes(name);
  expect_chain(10);
  for (std::size_t at = 0; at < good.size(); at += 97) {
    std::string bad = good;
    bad[at] ^= 1;
    files->set_bytes(name, bad);
    const ChainReport report = verify();
    // The last chain line and the seal behind it are covered only by the next file.
    if (at < good.size() - report.uncovered_bytes) {
      EXPECT_FALSE(report.holds() && report.entries == 10) << at;
    }
  }
  // A line taken out.
  const auto second = good.find('\n') + 1;
  files->set_bytes(name, good.substr(0, second) + good.substr(good.find('\n', second) + 1));
  EXPECT_FALSE(verify().holds());
}

}  // namespace
}  // namespace tidegate::audit
