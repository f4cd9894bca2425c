// The replay's pure parts: reading and scaling a trace, and what its report proves.
#include <gtest/gtest.h>

#include "cli/replay_report.hpp"
#include "cli/replay_trace.hpp"
#include "config/region.hpp"

namespace tidegate::cli::replay {
namespace {

constexpr std::string_view small_trace =
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 23:59:59.5000000,1000,100\n"
    "2023-11-17 00:00:00.0000000,3000,1000\n"
    "2023-11-17 00:00:01.5,10,0\n";

TEST(Trace, ReadsArrivalsAcrossMidnight) {
  const auto trace = parse_trace(small_trace, "t.csv");
  ASSERT_TRUE(trace) << trace.error().message;
  ASSERT_EQ(trace->size(), 3u);
  EXPECT_EQ((*trace)[0].at, 0ms);
  EXPECT_EQ((*trace)[1].at, 500ms);
  EXPECT_EQ((*trace)[2].at, 2s);
  EXPECT_EQ((*trace)[1].prompt_tokens, 3000);
  EXPECT_EQ((*trace)[1].answer_tokens, 1000);
}

TEST(Trace, TellsWhereItIsWrong) {
  const std::string head = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  const std::string good = "2023-11-16 10:00:00.5,1,1\n";
  const std::pair<std::string, std::string> rows[] = {
      {"a,b,c\n", "t.csv:1:1: the head of the columns is another"},
      {head, "t.csv:1:1: there are fewer than two requests"},
      {head + good + "2023-11-16 10:00:00.4,1,1\n",
       "t.csv:3:1: it arrives before the one above it"},
      {head + good + "2023-13-16 10:00:00.4,1,1\n", "t.csv:3:1: this is not a request"},
      {head + good + "2023-11-16 10:00:00.6,1\n", "t.csv:3:1: this is not a request"},
      {head + good + "2023-11-16 10:00:00.6,1,-1\n", "t.csv:3:1: this is not a request"},
      {head + good + "2023-11-16 10:00:00.6,1,1,1\n", "t.csv:3:1: this is not a request"},
      {head + good + "2023-11-16 10:00:00.1234567890,1,1\n", "t.csv:3:1: this is not a request"}};
  for (const auto& [text, message] : rows) {
    const auto trace = parse_trace(text, "t.csv");
    ASSERT_FALSE(trace) << text;
    EXPECT_EQ(trace.error().message, message);
  }
}

TEST(Trace, ScalesLengthsToTheContextAndArrivalsToTheRate) {
  const auto trace = parse_trace(small_trace, "t.csv").value();
  EXPECT_DOUBLE_EQ(length_factor(trace, 2048), 0.75 * 2048 / 4000);
  EXPECT_DOUBLE_EQ(length_factor(trace, 1'000'000), 1.0);
  const auto planned = plan(trace, 0.1, 0.5, 14s);  // seven requests of a trace of three
  ASSERT_EQ(planned.size(), 7u);
  EXPECT_EQ(planned[0].prompt_tokens, 100);
  EXPECT_EQ(planned[2].answer_tokens, 1);  // never none
  EXPECT_EQ(planned[3].prompt_tokens, planned[0].prompt_tokens);
  EXPECT_TRUE(std::ranges::is_sorted(planned, {}, &Planned::at));
  EXPECT_LT(planned.back().at, 14s);
  EXPECT_GT(planned.back().at, 10s);
}

TEST(Trace, TheCarriedTraceIsRead) {
  const auto text = config::read_file(
      std::string(TIDEGATE_SOURCE_DIR) + "/examples/traces/azure-conv-2023.csv", 1 << 24);
  ASSERT_TRUE(text) << text.error().message;
  const auto trace = parse_trace(*text, "azure");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_GT(trace->size(), 5000u);
}

TEST(Trace, PromptsAreAllDifferentAndOfTheirLength) {
  SeededRng rng(1);
  const std::string first = make_prompt(60, rng), second = make_prompt(60, rng);
  EXPECT_NE(first.substr(0, 8), second.substr(0, 8));
  EXPECT_EQ(std::ranges::count(first, ' '), 53);  // "NUMBER: say something about" and 50 words
}

TEST(Percentiles, AreNearestRank) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const auto p = percentiles(values);
  EXPECT_EQ(p.p50, 50);
  EXPECT_EQ(p.p90, 90);
  EXPECT_EQ(p.p99, 99);
  EXPECT_EQ(percentiles({7}).p99, 7);
  EXPECT_EQ(percentiles({}).count, 0u);
}

Observation answered(std::string id, std::string region) {
  return {.ending = Ending::answered,
          .request_id = std::move(id),
          .inference_region = std::move(region),
          .reason = {},
          .error = {},
          .first_token = 10ms,
          .total = 20ms};
}
Observation refused(std::string id) {
  return {.ending = Ending::refused,
          .request_id = std::move(id),
          .inference_region = "none",
          .reason = {},
          .error = "503 X"};
}

const std::set<std::string> row{"milan", "dublin"};

TEST(Tally, HoldsWhereEachRequestHasOneRecordInsideTheRow) {
  const auto t = tally({answered("a", "milan"),
                        answered("b", "dublin"),
                        refused("c"),
                        {.ending = Ending::unreachable,
                         .request_id = {},
                         .inference_region = {},
                         .reason = {},
                         .error = "gone"}},
                       {{"a", "milan"}, {"b", "dublin"}, {"c", "none"}}, "milan", row, 2);
  EXPECT_EQ(t.offered, 4u);
  EXPECT_EQ(t.answered, 2u);
  EXPECT_EQ(t.refused, 1u);
  EXPECT_EQ(t.unreachable, 1u);
  EXPECT_EQ(t.known, 3u);
  EXPECT_TRUE(t.records_hold());
  EXPECT_TRUE(t.fence_holds());
  EXPECT_DOUBLE_EQ(t.throughput(), 1.0);
  EXPECT_EQ(t.first_token_home.count, 1u);
  EXPECT_EQ(t.first_token_abroad.count, 1u);
  const std::string text = report_text(t, "milan", row);
  for (const char* word :
       {"offered 4", "answered 2", "dublin", "p99", "1 x 503 X", "outside the row = 0"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << "\n" << text;
  }
  EXPECT_EQ(text.find("BROKEN"), std::string::npos);
}

TEST(Tally, BreaksWhereItShould) {
  struct Case {
    const char* name;
    std::vector<RecordFacts> records;
    bool records_hold, fence_holds;
  };
  const Case cases[] = {{"missing", {}, false, true},
                        {"repeated", {{"a", "milan"}, {"a", "milan"}}, false, true},
                        {"another Region than the answer said", {{"a", "dublin"}}, false, true},
                        {"outside the row", {{"a", "milan"}, {"z", "london"}}, true, false},
                        {"good", {{"a", "milan"}}, true, true}};
  for (const Case& c : cases) {
    const auto t = tally({answered("a", "milan")}, c.records, "milan", row, 1);
    EXPECT_EQ(t.records_hold(), c.records_hold) << c.name;
    EXPECT_EQ(t.fence_holds(), c.fence_holds) << c.name;
  }
}

TEST(Advantage, IsShownOnlyByADifference) {
  const auto make = [](std::size_t offered, std::size_t done) {
    Tally t;
    t.offered = offered;
    t.answered = done;
    t.seconds = 10;
    return t;
  };
  EXPECT_EQ(advantage_of(make(100, 100), make(100, 60)), Advantage::shown);
  EXPECT_EQ(advantage_of(make(100, 100), make(100, 100)), Advantage::not_told);
  EXPECT_EQ(advantage_of(make(100, 60), make(100, 100)), Advantage::missing);
  EXPECT_EQ(advantage_of(make(100, 60), make(100, 60)), Advantage::missing);
}

}  // namespace
}  // namespace tidegate::cli::replay
