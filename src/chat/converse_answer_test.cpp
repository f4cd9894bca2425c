// Converse's answers, byte for byte.
#include <gtest/gtest.h>

#include "aws/event_stream.hpp"
#include "chat/converse.hpp"

namespace tidegate::chat {
namespace {

TEST(ConverseAnswer, MembersInAwsOrder) {
  Completion completion;
  completion.blocks.emplace_back(Reasoning{"hm"});
  completion.blocks.emplace_back(Text{"Hi \"there\"\n"});
  completion.blocks.emplace_back(ToolUse{"t1", "f", json::parse(R"({"a":1})").value()});
  completion.stop_reason = StopReason::tool_use;
  completion.usage = {
      .input_tokens = 16, .output_tokens = 9, .cache_read_tokens = 0, .cache_write_tokens = 2387};
  EXPECT_EQ(
      converse_answer(completion, 1234ms),
      R"({"metrics":{"latencyMs":1234},"output":{"message":{"content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"text":"Hi \"there\"\n"},{"toolUse":{"input":{"a":1},"name":"f","toolUseId":"t1"}}],"role":"assistant"}},"stopReason":"tool_use","usage":{"cacheWriteInputTokens":2387,"inputTokens":16,"outputTokens":9,"totalTokens":2412}})");
  EXPECT_EQ(
      converse_answer({}, 0ms, {.performance_config = true, .service_tier = true}),
      R"({"metrics":{"latencyMs":0},"output":{"message":{"content":[],"role":"assistant"}},"performanceConfig":{"latency":"standard"},"serviceTier":{"type":"default"},"stopReason":"end_turn","usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0}})");
}

// "messageStart {...}" a line.
std::string told(std::string_view bytes) {
  aws::EventStreamDecoder decoder;
  decoder.feed(bytes);
  std::string out;
  for (;;) {
    auto message = decoder.next();
    if (!message || !*message) break;
    EXPECT_EQ((*message)->string_header(":message-type"), "event");
    out += std::string((*message)->string_header(":event-type").value_or("?")) + " " +
           (*message)->payload + "\n";
  }
  EXPECT_TRUE(decoder.empty());
  return out;
}

std::string streamed(const std::vector<Delta>& deltas,
                     ConverseStreamWriter writer = ConverseStreamWriter()) {
  std::string out;
  for (const Delta& delta : deltas) writer.write(out, delta);
  writer.finish(out, 12ms);
  return told(out);
}

TEST(ConverseStream, BlocksOpenAndCloseInOrder) {
  EXPECT_EQ(
      streamed({ReasoningDelta{"Two plus"}, TextDelta{"Hel"}, TextDelta{"lo"},
                ToolUseStart{"t1", "top_song"}, ToolUseDelta{R"({"sign":)"}, ToolUseDelta{"1}"},
                ToolUseStart{"t2", "f"}, Stop{StopReason::tool_use},
                Usage{.input_tokens = 15, .output_tokens = 142}}),
      R"(messageStart {"role":"assistant"}
contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Two plus"}}}
contentBlockStop {"contentBlockIndex":0}
contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"Hel"}}
contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"lo"}}
contentBlockStop {"contentBlockIndex":1}
contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"name":"top_song","toolUseId":"t1"}}}
contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"sign\":"}}}
contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"1}"}}}
contentBlockStop {"contentBlockIndex":2}
contentBlockStart {"contentBlockIndex":3,"start":{"toolUse":{"name":"f","toolUseId":"t2"}}}
contentBlockStop {"contentBlockIndex":3}
messageStop {"stopReason":"tool_use"}
)"
      R"(metadata {"metrics":{"latencyMs":12},"usage":{"inputTokens":15,"outputTokens":142,"totalTokens":157}}
)");
}

TEST(ConverseStream, AnEmptyAnswerIsStillWhole) {
  EXPECT_EQ(streamed({Stop{StopReason::end_turn}}), R"(messageStart {"role":"assistant"}
messageStop {"stopReason":"end_turn"}
metadata {"metrics":{"latencyMs":12},"usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0}}
)");
}

TEST(ConverseStream, PaddingIsRepeatableAndSortsWhereAwsPutsIt) {
  const std::vector<Delta> deltas = {TextDelta{"a"}, ToolUseStart{"t", "f"},
                                     Stop{StopReason::tool_use}};
  const std::string first = streamed(deltas, ConverseStreamWriter(7));
  EXPECT_EQ(first, streamed(deltas, ConverseStreamWriter(7)));
  EXPECT_NE(first, streamed(deltas, ConverseStreamWriter(8)));
  for (const char* expected : {R"(messageStart {"p":"abc)", R"(delta":{"text":"a"},"p":"a)",
                               R"({"contentBlockIndex":1,"p":"a)", R"(messageStop {"p":"a)",
                               R"(metadata {"metrics":{"latencyMs":12},"p":"a)"}) {
    EXPECT_NE(first.find(expected), std::string::npos) << expected << " in\n" << first;
  }
}

TEST(StopReasons, LengthBeforeTheCallersLimitIsAFullContext) {
  struct Row {
    StopReason reason;
    std::int64_t output;
    std::optional<std::int64_t> max;
    StopReason expected;
  };
  using enum StopReason;
  for (const Row& row :
       {Row{max_tokens, 10, 10, max_tokens}, Row{max_tokens, 9, 10, context_window_exceeded},
        Row{max_tokens, 9, {}, context_window_exceeded}, Row{max_tokens, 0, 10, max_tokens},
        Row{end_turn, 3, 10, end_turn}}) {
    EXPECT_EQ(refine(row.reason, {.output_tokens = row.output}, row.max), row.expected);
  }
}

}  // namespace
}  // namespace tidegate::chat
