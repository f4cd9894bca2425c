// What a closed entry leaves to its opened one, and readers find there.
#include "audit/opened_entries.hpp"

#include "audit/document.hpp"
#include "audit/entry.hpp"
#include "audit/segment.hpp"
#include "audit/testing.hpp"

namespace tidegate::audit {
namespace {

using testing::full_record;
using testing::LogTest;
using testing::write_both;

const WallTime noon = std::chrono::sys_days{std::chrono::year{2026} / 6 / 8};

std::string line_of(Stage stage, const Record& record, WallTime segment = {}) {
  Buffer line;
  append_entry(line, stage, record, segment);
  return std::string(line.view());
}

// One file of these lines, and one reader over it.
class Segment {
 public:
  explicit Segment(std::string bytes) { files_->set_bytes(name, std::move(bytes)); }
  // Of the line that begins there.
  Result<std::optional<Frame>> whole(std::size_t offset) {
    text_ = files_->bytes(name).substr(offset);
    return entries_.whole(name, *parse_frame(text_.substr(0, text_.find('\n'))));
  }
  MemoryFiles& files() { return *files_; }
  const std::string name = segment_name(noon);

 private:
  std::shared_ptr<MemoryFiles> files_ = std::make_shared<MemoryFiles>();
  MemoryDisk disk_{files_};
  OpenedEntries entries_{disk_};
  std::string text_;
};

TEST(OpenedEntries, WhatIsPutTogetherIsWhatOneLineWouldSay) {
  Record r = full_record(7, noon);
  const std::string whole = line_of(Stage::closed, r);
  const std::string front = line_of(Stage::opened, full_record(6, noon));
  const std::string opened = line_of(Stage::opened, r);
  r.opened = OpenedAt{.segment = noon, .offset = front.size()};
  const std::string closed = line_of(Stage::closed, r, noon);
  EXPECT_LT(closed.size() + 400, whole.size());
  EXPECT_EQ(line_of(Stage::closed, r, noon + 1s), whole) << "in another file";

  Segment segment(front + opened + closed);
  const auto read = segment.whole(front.size() + opened.size());
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->body, parse_frame(whole.substr(0, whole.size() - 1))->body);
}

TEST(OpenedEntries, OthersAreAsTheyStand) {
  const std::string line = line_of(Stage::closed, full_record(7, noon));
  Segment segment(line);
  EXPECT_EQ((*segment.whole(0))->body, parse_frame(line.substr(0, line.size() - 1))->body);
  for (const char* body :
       {"{}", "[]", R"({"opened":})", R"({"opened":1.5})", R"({"opened":"1"})", R"({"opened":-1})",
        R"({"opened":99999999999999999999})", R"({ "opened":1})", R"({"openedIn":"x"})"}) {
    Segment other(frame_line(kind::closed, noon, "r", body));
    EXPECT_EQ((*other.whole(0))->body, body);
  }
  Segment opened(frame_line(kind::opened, noon, "r", R"({"opened":0})"));
  EXPECT_EQ((*opened.whole(0))->body, R"({"opened":0})");
}

TEST(OpenedEntries, AnotherLineInItsPlaceIsAnError) {
  const std::string opened = frame_line(kind::opened, noon, "r", R"({"arn":"a"})");
  const auto read = [&](std::string_view front, std::string_view reference) {
    const std::string bytes = std::string(front);
    Segment segment(bytes + frame_line(kind::closed, noon, "r", reference));
    const auto whole = segment.whole(bytes.size());
    if (!whole) EXPECT_EQ(whole.error().code, ErrorCode::malformed_json);
    return whole ? std::string((*whole)->body) : "error";
  };
  EXPECT_EQ(read(opened, R"({"opened":0,"x":1})"), R"({"arn":"a","x":1})");
  EXPECT_EQ(read(opened, R"({"opened":0})"), R"({"arn":"a"})");
  EXPECT_EQ(read(frame_line(kind::opened, noon, "r", "{}"), R"({"opened":0,"x":1})"), R"({"x":1})");
  EXPECT_EQ(read(opened, R"({"opened":1,"x":1})"), "error");
  EXPECT_EQ(read(opened, R"({"opened":100000,"x":1})"), "error");
  EXPECT_EQ(read(opened, R"({"opened":18446744073709551615,"x":1})"), "error");
  EXPECT_EQ(read("\n" + opened, R"({"opened":0,"x":1})"), "error");
  EXPECT_EQ(read(frame_line(kind::opened, noon, "s", "{}"), R"({"opened":0})"), "error");
  EXPECT_EQ(read(frame_line(kind::closed, noon, "r", "{}"), R"({"opened":0})"), "error");
  EXPECT_EQ(read(frame_line(kind::opened, noon, "r", "1"), R"({"opened":0})"), "error");
  std::string damaged = opened;
  damaged[damaged.find("arn")] = 'A';
  EXPECT_EQ(read(damaged, R"({"opened":0,"x":1})"), "error");
}

TEST_F(LogTest, AClosedEntryInAnotherFileSaysAllItself) {
  open();
  Record r = record(1);
  r.opened = log->append_opened(r)->at;
  tick();
  loop.run_for(std::chrono::days(1));
  log->tick();  // to the next file
  ASSERT_TRUE(log->append_closed(r));
  tick();
  const auto names = files->names();
  ASSERT_EQ(names.size(), 2u);
  files->set_bytes(names.front(), "");
  const auto found = log->find(r.request_id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(text((*found)->at("userIdentity").as_object(), "arn"), r.principal_arn);
}

// Many requests at once, whose entries lie on both sides of every block's end.
TEST_F(LogTest, EveryRecordOfALargeFileIsFoundWhole) {
  open();
  constexpr int at_once = 200, rounds = 20;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Record> running;
    for (int i = 0; i < at_once; ++i) {
      Record& r = running.emplace_back(record(round * at_once + i));
      r.user_agent = testing::keep(std::string(static_cast<std::size_t>(i % 97), 'u') + "!");
      r.opened = log->append_opened(r)->at;
    }
    for (const Record& r : running) ASSERT_TRUE(log->append_closed(r));
  }
  tick();
  ASSERT_GT(files->bytes(files->names().front()).size(), 4 * limits::lookup_block_bytes);
  const auto records = lookup();
  ASSERT_EQ(records.size(), std::size_t{at_once} * rounds);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::size_t number = records.size() - 1 - i;
    ASSERT_EQ(text(records[i], "requestID"), record(static_cast<int>(number)).request_id);
    ASSERT_EQ(text(records[i], "userAgent"), std::string(number % at_once % 97, 'u') + "!");
  }
  EventQuery query;
  query.attribute_key = "Username";
  query.attribute_value = "demo";
  EXPECT_EQ(lookup(query).size(), records.size()) << "which the opened entries say";
}

TEST_F(LogTest, ADamagedOpenedEntryCostsItsOwnRecordOnly) {
  open();
  for (int i = 0; i < 3; ++i) write(i);
  tick();
  const std::string name = files->names().front();
  std::string bytes = files->bytes(name);
  bytes[bytes.find(record(1).request_id) + 80] ^= 1;
  files->set_bytes(name, bytes);
  EXPECT_EQ(lookup().size(), 2u);
  EXPECT_FALSE(log->find(record(1).request_id)->has_value());
  EXPECT_FALSE(verify().holds());
}

}  // namespace
}  // namespace tidegate::audit
