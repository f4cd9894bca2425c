// What a closed entry leaves to its opened one, and readers find there.
#include "audit/opened_entries.hpp"

#include <deque>

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

// What a reader makes of the last line of a file.
OpenedEntries::Whole whole_of(std::string_view front, std::string_view closed) {
  const std::string name = segment_name(noon);
  auto files = std::make_shared<MemoryFiles>();
  files->set_bytes(name, std::string(front) + std::string(closed));
  MemoryDisk disk(files);
  OpenedEntries entries(disk);
  const std::string_view text = closed.substr(0, closed.size() - 1);
  auto whole = entries.whole(name, {.text = text, .offset = front.size()}, *parse_frame(text));
  EXPECT_TRUE(whole) << closed;
  if (whole && whole->frame && !whole->frame->opened.empty()) {
    static std::deque<std::string> kept;  // as long as what views it
    whole->frame->opened = kept.emplace_back(whole->frame->opened);
  }
  return *std::move(whole);
}

TEST(OpenedEntries, WhatIsPutTogetherIsWhatOneLineWouldSay) {
  Record r = full_record(7, noon);
  const std::string whole = line_of(Stage::closed, r);
  const std::string front = line_of(Stage::opened, full_record(6, noon));
  const std::string opened = line_of(Stage::opened, r);
  r.opened = OpenedAt{.segment = noon, .offset = front.size()};
  const std::string closed = line_of(Stage::closed, r, noon);
  EXPECT_LT(closed.size() + 400, whole.size());
  EXPECT_EQ(line_of(Stage::closed, r, noon + 1s), whole) << "in another file";

  const auto read = whole_of(front + opened, closed);
  ASSERT_TRUE(read.frame);
  EXPECT_EQ(*document(*read.frame), *document(*parse_frame(whole.substr(0, whole.size() - 1))));
}

TEST(OpenedEntries, OthersAreAsTheyStand) {
  for (const char* body :
       {"{}", "[]", R"({"opened":})", R"({"opened":1.5})", R"({"opened":"1"})", R"({"opened":-1})",
        R"({"opened":99999999999999999999})", R"({ "opened":1})", R"({"x":1,"opened":0})"}) {
    const auto read = whole_of("", frame_line(kind::closed, noon, "r", body));
    ASSERT_TRUE(read.frame) << body;
    EXPECT_TRUE(read.frame->opened.empty()) << body;
  }
  EXPECT_TRUE(whole_of("", frame_line(kind::opened, noon, "r", R"({"opened":0})")).frame);
}

TEST(OpenedEntries, AnotherLineInItsPlaceIsNoneOfTheRequest) {
  const std::string opened = frame_line(kind::opened, noon, "r", R"({"arn":"a"})");
  const auto read = [&](std::string_view front, std::string_view reference) {
    const auto whole = whole_of(front, frame_line(kind::closed, noon, "r", reference));
    EXPECT_NE(whole.frame.has_value(), !whole.broken.empty());
    return whole.frame ? std::string(whole.frame->opened) : "broken";
  };
  EXPECT_EQ(read(opened, R"({"opened":0,"x":1})"), R"({"arn":"a"})");
  EXPECT_EQ(read(opened, R"({"opened":0})"), R"({"arn":"a"})");
  EXPECT_EQ(read(R"({"t":"opened","at":1,"id":"s","e":{"ev)" + opened, R"({"opened":0})"),
            R"({"arn":"a"})")
      << "behind the torn front of another";
  EXPECT_EQ(read(opened, R"({"opened":1,"x":1})"), "broken");
  EXPECT_EQ(read(opened, R"({"opened":100000,"x":1})"), "broken");
  EXPECT_EQ(read(opened, R"({"opened":18446744073709551615,"x":1})"), "broken");
  EXPECT_EQ(read("\n" + opened, R"({"opened":0,"x":1})"), "broken");
  EXPECT_EQ(read("", R"({"opened":0})"), "broken") << "itself";
  EXPECT_EQ(read(frame_line(kind::opened, noon, "s", "{}"), R"({"opened":0})"), "broken");
  EXPECT_EQ(read(frame_line(kind::closed, noon, "r", "{}"), R"({"opened":0})"), "broken");
  std::string damaged = opened;
  damaged[damaged.find("arn")] = 'A';
  EXPECT_EQ(read(damaged, R"({"opened":0,"x":1})"), "broken");
}

TEST(OpenedEntries, BothAreJsonAndNothingIsSaidTwice) {
  const auto reads = [](std::string_view opened, std::string_view closed) {
    const auto whole = whole_of(frame_line(kind::opened, noon, "r", opened),
                                frame_line(kind::closed, noon, "r", closed));
    return whole.frame && document(*whole.frame).has_value();
  };
  EXPECT_TRUE(reads(R"({"arn":"a"})", R"({"opened":0,"outcome":"Success"})"));
  EXPECT_FALSE(reads(R"({"arn":"a"})", R"({"opened":0,"arn":"b"})"));
  EXPECT_FALSE(reads(R"([])", R"({"opened":0})"));
  EXPECT_FALSE(reads(R"({"arn":"a","x":"})", R"({"opened":0,","outcome":"Success"})"));
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
  ASSERT_GT(at_once * 500u, 2 * limits::opened_block_bytes) << "what runs at once fills blocks";
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
  const auto found = log->find(record(1).request_id);
  ASSERT_FALSE(found) << "it is not said to be running, nor unknown";
  EXPECT_EQ(found.error().code, ErrorCode::audit_unavailable);
  EXPECT_FALSE(verify().holds());
}

}  // namespace
}  // namespace tidegate::audit
