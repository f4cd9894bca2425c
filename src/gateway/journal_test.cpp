// Requests of one turn share a write, and its failure; none goes on before it.
#include "gateway/journal.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <ranges>

#include "audit/memory_disk.hpp"
#include "base/virtual_loop.hpp"

namespace tidegate::gateway {
namespace {

// A log over files in memory.
class TestLog {
 public:
  explicit TestLog(Clock& clock, std::size_t segment_bytes_max = limits::segment_bytes_max)
      : log_(*audit::Log::open(std::make_unique<audit::MemoryDisk>(files), clock,
                               {.region = "eu-south-1", .segment_bytes_max = segment_bytes_max})) {}
  audit::Log& log() { return *log_; }
  std::uint64_t entries() const { return log_->health().entries; }
  std::shared_ptr<audit::MemoryFiles> files = std::make_shared<audit::MemoryFiles>();

 private:
  std::unique_ptr<audit::Log> log_;
};

class JournalTest : public ::testing::Test {
 public:
  struct Outcome {
    int recorded = 0, refused = 0;
    std::vector<std::uint64_t> entries_seen;  // in the log as each request goes on
  };
  static Task<void> request(JournalTest& test, int entries, std::string_view agent = {}) {
    audit::Record record;
    record.request_id = test.id();
    record.user_agent = agent;
    for (int i = 0; i < entries; ++i) {
      const auto written = co_await test.journal.append(audit::Stage::closed, record);
      ++(written ? test.outcome.recorded : test.outcome.refused);
      test.outcome.entries_seen.push_back(test.log.entries());
    }
  }

  std::string_view id() { return ids.emplace_back(std::to_string(ids.size())); }
  // Opened and closed in one turn each; the place of the first is in the second.
  static Task<void> both(JournalTest& test) {
    audit::Record record;
    record.request_id = test.id();
    record.user_agent = record.request_id;
    const auto opened = co_await test.journal.append(audit::Stage::opened, record);
    if (!opened) co_return;
    record.opened = opened->at;
    (void)co_await test.journal.append(audit::Stage::closed, record);
  }

  static Task<void> write(Journal& journal, audit::Stage stage, const audit::Record* record,
                          std::optional<audit::Log::Written>* out) {
    const auto written = co_await journal.append(stage, *record);
    if (written) *out = *written;
  }

  std::deque<std::string> ids;
  VirtualLoop loop;
  TestLog log{loop.clock()};
  Journal journal{loop, log.log()};
  Outcome outcome;
};

TEST_F(JournalTest, OneWriteForAllThatAreReady) {
  for (int i = 0; i < 5; ++i) spawn(request(*this, 1));
  EXPECT_EQ(outcome.recorded, 0) << "nobody goes on before the write";
  EXPECT_EQ(log.entries(), 0u);
  loop.run_for(1ms);
  EXPECT_EQ(outcome.recorded, 5);
  EXPECT_EQ(outcome.entries_seen, (std::vector<std::uint64_t>(5, 5)));
}

TEST_F(JournalTest, LaterOnesGoWithTheNextWrite) {
  for (int i = 0; i < 3; ++i) spawn(request(*this, 2));
  loop.run_for(1ms);
  EXPECT_EQ(outcome.recorded, 6);
  EXPECT_EQ(log.entries(), 6u);
}

TEST_F(JournalTest, AnEntryIsWhereItSays) {
  for (int i = 0; i < 3; ++i) spawn(request(*this, 1));
  for (int i = 0; i < 5; ++i) spawn(both(*this));
  loop.run_for(1ms);
  ASSERT_EQ(ids.size(), 8u);
  for (const std::string& id : ids | std::views::drop(3)) {
    const auto found = log.log().find(id);
    ASSERT_TRUE(found && *found) << id;
    EXPECT_EQ((*found)->at("userAgent"), id.c_str()) << "which its opened entry says";
    EXPECT_NE((*found)->at("tidegate").at("outcome"), "InProgress");
  }
}

// A file that is replaced while lines for it are being made takes them all the same: what they say
// of places is true there only.
TEST_F(JournalTest, LinesGoToTheFileThatTheyWereMadeFor) {
  TestLog log(loop.clock(), 1);  // a new file at every tick
  Journal journal(loop, log.log());
  audit::Record record;
  record.request_id = "r";
  record.user_agent = "agent";
  std::optional<audit::Log::Written> opened, closed;
  spawn(write(journal, audit::Stage::opened, &record, &opened));
  loop.run_for(1ms);
  ASSERT_TRUE(opened);
  record.opened = opened->at;
  spawn(write(journal, audit::Stage::closed, &record, &closed));
  for (int i = 0; i < 3; ++i) log.log().tick();
  const auto names = log.files->names();
  ASSERT_EQ(names.size(), 2u) << "another file is the current one";
  EXPECT_FALSE(log.files->bytes(names[0]).contains(R"("t":"seal")")) << "lines are being made";
  loop.run_for(1ms);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->at.segment, opened->at.segment);
  EXPECT_TRUE(log.files->bytes(names[0]).contains(R"("e":{"opened":)"));
  for (int i = 0; i < 2; ++i) log.log().tick();
  EXPECT_TRUE(log.files->bytes(names[0]).contains(R"("t":"seal")"));
  const auto found = log.log().find(record.request_id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->at("userAgent"), "agent");
}

TEST_F(JournalTest, AFailedWriteRefusesAllThatWereInIt) {
  log.files->fail_appends(1);
  for (int i = 0; i < 3; ++i) spawn(request(*this, 1));
  loop.run_for(1ms);
  EXPECT_EQ(outcome.refused, 3);
  loop.run_for(2s);
  log.log().tick();
  spawn(request(*this, 1));
  loop.run_for(1ms);
  EXPECT_EQ(outcome.recorded, 1) << "and nothing of the refused ones comes later";
  EXPECT_EQ(log.entries(), 1u);
}

TEST_F(JournalTest, ATurnWithTooMuchWritesInBetween) {
  const std::string agent(limits::user_agent_bytes_max, 'a');
  const int count = static_cast<int>(2 * limits::journal_bytes_max / agent.size());
  for (int i = 0; i < count; ++i) spawn(request(*this, 1, agent));
  EXPECT_GT(log.entries(), 0u) << "memory is bounded";
  for (int i = 0; i < 5; ++i) spawn(both(*this));
  loop.run_for(1ms);
  EXPECT_EQ(outcome.recorded, count);
  EXPECT_EQ(log.entries(), static_cast<std::uint64_t>(count + 10));
  for (const std::string& id : ids | std::views::drop(count)) {
    const auto found = log.log().find(id);
    ASSERT_TRUE(found && *found) << id;
    EXPECT_EQ((*found)->at("userAgent"), id.c_str());
  }
}

}  // namespace
}  // namespace tidegate::gateway
