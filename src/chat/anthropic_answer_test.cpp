// Answers in Anthropic's words: byte for byte, whole and streamed over both wires.
#include <gtest/gtest.h>

#include "aws/event_stream.hpp"
#include "base/bytes.hpp"
#include "chat/anthropic_messages.hpp"
#include "chat/to_anthropic.hpp"

namespace tidegate::chat {
namespace {

const AnthropicName name{.id = "msg_1", .model = "claude"};
constexpr Timing timing{.latency = 416ms, .first_byte = 300ms};

TEST(AnthropicAnswer, MembersInTheirOrder) {
  Completion completion;
  completion.blocks.emplace_back(Reasoning{"hm", "sig"});
  completion.blocks.emplace_back(Text{"Hi \"there\"\n"});
  completion.blocks.emplace_back(ToolUse{"t1", "f", json::parse(R"({"a":1})").value()});
  completion.blocks.emplace_back(ToolUse{"t2", "f", json::value("{broken")});
  completion.stop_reason = StopReason::tool_use;
  completion.usage = {
      .input_tokens = 16, .output_tokens = 9, .cache_read_tokens = 3, .cache_write_tokens = 7};
  EXPECT_EQ(
      anthropic_answer(completion, name),
      R"({"model":"claude","id":"msg_1","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"text","text":"Hi \"there\"\n"},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}},{"type":"tool_use","id":"t2","name":"f","input":{"INVALID_JSON":"{broken"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":16,"cache_creation_input_tokens":7,"cache_read_input_tokens":3,"output_tokens":9}})");
}

TEST(AnthropicAnswer, StopReasons) {
  struct Row {
    StopReason reason;
    std::string sequence;
    std::string_view expected;
  };
  using enum StopReason;
  for (const Row& row : {
           Row{end_turn, "", R"("stop_reason":"end_turn","stop_sequence":null)"},
           Row{max_tokens, "", R"("stop_reason":"max_tokens","stop_sequence":null)"},
           Row{stop_sequence, "END", R"("stop_reason":"stop_sequence","stop_sequence":"END")"},
           Row{content_filtered, "", R"("stop_reason":"refusal","stop_sequence":null)"},
           Row{context_window_exceeded, "",
               R"("stop_reason":"model_context_window_exceeded","stop_sequence":null)"},
           Row{malformed_tool_use, "", R"("stop_reason":"tool_use","stop_sequence":null)"},
       }) {
    const std::string answer = anthropic_answer(
        {.blocks = {}, .stop_reason = row.reason, .usage = {}, .stop_sequence = row.sequence},
        name);
    EXPECT_NE(answer.find(row.expected), std::string::npos) << answer;
  }
}

TEST(AnthropicAnswer, Names) {
  EXPECT_EQ(anthropic_model_name("anthropic.claude-sonnet-4-5-20250929-v1:0"),
            "claude-sonnet-4-5-20250929");
  EXPECT_EQ(anthropic_model_name("anthropic.claude-opus-4-6-v1"), "claude-opus-4-6");
  EXPECT_EQ(anthropic_model_name("anthropic.claude-opus-4-7"), "claude-opus-4-7");
  EXPECT_EQ(anthropic_model_name("amazon.nova-2-lite-v1:0"), "amazon.nova-2-lite-v1:0");
  const std::string id = anthropic_message_id(AnthropicDoor::invoke_model, "r");
  EXPECT_TRUE(id.starts_with("msg_bdrk_01"));
  EXPECT_EQ(id, anthropic_message_id(AnthropicDoor::invoke_model, "r"));
  EXPECT_NE(id, anthropic_message_id(AnthropicDoor::invoke_model, "s"));
  EXPECT_EQ(anthropic_token_count(12), R"({"input_tokens":12})");
}

const std::vector<Delta> deltas = {
    ReasoningDelta{"Two plus"},
    ReasoningDelta{"", "sig"},
    TextDelta{"Hel"},
    TextDelta{"lo"},
    ToolUseStart{"t1", "top_song"},
    ToolUseDelta{R"({"sign":1})"},
    ToolUseStart{"t2", "f"},
    Stop{StopReason::tool_use},
    Usage{.input_tokens = 15, .output_tokens = 142},
};

std::string streamed(StreamFraming framing) {
  AnthropicStreamWriter writer(std::move(framing), name);
  std::string out;
  EXPECT_FALSE(writer.begun());
  for (const Delta& delta : deltas) writer.write(out, delta);
  EXPECT_TRUE(writer.begun());
  EXPECT_EQ(writer.stop_reason(), StopReason::tool_use);
  EXPECT_EQ(writer.usage().output_tokens, 142);
  writer.finish(out, timing);
  return out;
}

TEST(AnthropicStream, ServerSentEvents) {
  EXPECT_EQ(streamed(StreamFraming::sse()),
            R"(event: message_start
data: {"type":"message_start","message":{"model":"claude","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Two plus"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hel"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"lo"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"top_song","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"sign\":1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t2","name":"f","input":{}}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":15,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":142}}

event: message_stop
data: {"type":"message_stop"}

)");
}

// The JSON documents of a stream's chunk events, one a line; and the padding of each.
std::string chunks(std::string_view bytes, std::string* padding = nullptr) {
  aws::EventStreamDecoder decoder;
  decoder.feed(bytes);
  std::string out;
  for (;;) {
    auto message = decoder.next();
    if (!message || !*message) break;
    EXPECT_EQ((*message)->string_header(":event-type"), "chunk");
    const auto payload = json::parse((*message)->payload);
    EXPECT_TRUE(payload);
    const auto chunk = from_base64(json::find_string(payload->get_object(), "bytes").value_or(""));
    EXPECT_TRUE(chunk);
    out += *chunk + "\n";
    if (padding) *padding += json::find_string(payload->get_object(), "p").value_or("-");
  }
  EXPECT_TRUE(decoder.empty());
  return out;
}

TEST(AnthropicStream, ChunksEndWithMetrics) {
  std::string padding;
  const std::string out = chunks(streamed(StreamFraming::event_stream()), &padding);
  EXPECT_TRUE(out.starts_with(R"({"type":"message_start",)"));
  EXPECT_TRUE(out.ends_with(
      R"({"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":15,"outputTokenCount":142,"invocationLatency":416,"firstByteLatency":300,"cacheReadInputTokenCount":0,"cacheWriteInputTokenCount":0}}
)"));
  EXPECT_EQ(padding, std::string(16, '-'));
}

TEST(AnthropicStream, PaddingHidesTheLengthOfATokenAndIsRepeatable) {
  const std::string padded = streamed(StreamFraming::event_stream(7));
  EXPECT_EQ(padded, streamed(StreamFraming::event_stream(7)));
  EXPECT_NE(padded, streamed(StreamFraming::event_stream(8)));
  std::string padding;
  EXPECT_EQ(chunks(padded, &padding), chunks(streamed(StreamFraming::event_stream())));
  EXPECT_TRUE(padding.starts_with("abc"));
}

TEST(AnthropicAnswer, IsWhatItsClientsReadBack) {
  Completion completion;
  completion.blocks.emplace_back(Reasoning{"hm", "sig"});
  completion.blocks.emplace_back(Text{"Hi \"there\"\n"});
  completion.usage = {.input_tokens = 16, .output_tokens = 9, .cache_read_tokens = 3};
  const auto read = from_anthropic(anthropic_answer(completion, name));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<Reasoning>(read->blocks[0]).signature, "sig");
  EXPECT_EQ(std::get<Text>(read->blocks[1]).text, "Hi \"there\"\n");
  EXPECT_EQ(read->usage.total(), completion.usage.total());
}

TEST(AnthropicStream, IsWhatItsClientsReadBack) {
  AnthropicStreamReader reader;
  std::vector<Delta> read;
  ASSERT_TRUE(reader.feed(streamed(StreamFraming::sse()), read));
  ASSERT_TRUE(reader.finish(read));
  EXPECT_TRUE(reader.done());
  std::string text, thought, input;
  Usage usage;
  for (const Delta& delta : read) {
    if (const auto* piece = std::get_if<TextDelta>(&delta)) text += piece->text;
    if (const auto* piece = std::get_if<ReasoningDelta>(&delta)) thought += piece->text;
    if (const auto* piece = std::get_if<ToolUseDelta>(&delta)) input += piece->json;
    if (const auto* told = std::get_if<Usage>(&delta)) usage = *told;
  }
  EXPECT_EQ(text, "Hello");
  EXPECT_EQ(thought, "Two plus");
  EXPECT_EQ(input, R"({"sign":1})");
  EXPECT_EQ(usage.output_tokens, 142);
}

TEST(AnthropicAnswer, HeadersOfAnInvocation) {
  http::Headers headers;
  add_invocation_headers(headers, {.input_tokens = 5, .output_tokens = 2, .cache_read_tokens = 3},
                         12ms);
  EXPECT_EQ(headers.get("X-Amzn-Bedrock-Input-Token-Count"), "5");
  EXPECT_EQ(headers.get("X-Amzn-Bedrock-Output-Token-Count"), "2");
  EXPECT_EQ(headers.get("X-Amzn-Bedrock-Invocation-Latency"), "12");
  EXPECT_EQ(headers.get("X-Amzn-Bedrock-Cache-Read-Input-Token-Count"), "3");
  EXPECT_FALSE(headers.get("X-Amzn-Bedrock-Cache-Write-Input-Token-Count"));
}

}  // namespace
}  // namespace tidegate::chat
