// Amazon Nova's bodies: what is understood, what is refused, and a genuine stream told again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "aws/event_stream.hpp"
#include "base/bytes.hpp"
#include "chat/nova.hpp"
#include "chat/openai.hpp"

namespace tidegate::chat {
namespace {

constexpr std::string_view hi = R"("messages":[{"role":"user","content":[{"text":"Hi"}]}])";

std::string body(std::string_view members) {
  return fmt::format("{{{}{}{}}}", hi, members.empty() ? "" : ",", members);
}

std::string sent(std::string_view text) {
  const auto conversation = parse_nova(text);
  if (!conversation) return conversation.error().message;
  auto out = openai_request(*conversation, "m", Streaming::no);
  return out ? *out : out.error().message;
}

TEST(NovaRequest, ReachesTheModel) {
  struct Row {
    std::string text, expected;
  };
  for (
      const Row& row : {
          Row{body(R"("schemaVersion":"messages-v1")"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})"},
          Row{body(
                  R"("system":[{"text":"Be brief."}],"inferenceConfig":{"maxTokens":5,"temperature":0.5,"topP":0.9,"topK":20,"stopSequences":["END"]})"),
              R"({"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"max_tokens":5,"temperature":0.5,"top_p":0.9,"top_k":20,"stop":["END"]})"},
          Row{body(R"("inferenceConfig":{"max_new_tokens":5,"top_p":1,"top_k":3})"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"top_p":1,"top_k":3})"},
          Row{body(
                  R"("inferenceConfig":{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}})"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"reasoning_effort":"low","chat_template_kwargs":{"enable_thinking":true}})"},
          Row{body(
                  R"("toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"any":{}}})"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"required"})"},
      }) {
    EXPECT_EQ(sent(row.text), row.expected);
  }
}

std::string malformed(std::string_view what) {
  return fmt::format("Malformed input request: {}, please reformat your input and try again.",
                     what);
}

TEST(NovaRequest, Refusals) {
  struct Row {
    std::string text, expected;
  };
  for (const Row& row : {
           Row{"{}", malformed("#: required key [messages] not found")},
           Row{"[]", malformed("#: expected type: JSONObject, found: JSONArray")},
           Row{body(R"("foo":1)"), malformed("#: extraneous key [foo] is not permitted")},
           Row{body(R"("schemaVersion":"messages-v2")"),
               malformed("#/schemaVersion: messages-v2 is not a valid enum value")},
           Row{body(R"("inferenceConfig":{"topk":1})"),
               malformed("#/inferenceConfig: extraneous key [topk] is not permitted")},
           Row{body(R"("inferenceConfig":{"topK":129})"),
               malformed("#/inferenceConfig/topK: 129 is not less or equal to 128")},
           Row{body(R"("inferenceConfig":{"maxTokens":1,"max_new_tokens":1})"),
               malformed("#/inferenceConfig: only one of [maxTokens] and [max_new_tokens] may be "
                         "set")},
           Row{body(R"("inferenceConfig":{"temperature":2})"),
               "1 validation error detected: Value '2' at 'inferenceConfig.temperature' failed to "
               "satisfy constraint: Member must have value less than or equal to 1"},
       }) {
    EXPECT_EQ(sent(row.text), row.expected);
  }
}

TEST(NovaRequest, MembersThatTheModelTakesGoThrough) {
  const auto conversation = parse_nova(body(R"("seed":7)"), {.allowed = {"/seed"}});
  ASSERT_TRUE(conversation);
  EXPECT_EQ(json::serialize(conversation->additional), R"({"seed":7})");
}

TEST(NovaAnswer, MembersInTheirOrder) {
  Completion completion;
  completion.blocks.emplace_back(Reasoning{"hm"});
  completion.blocks.emplace_back(Text{"Hi"});
  completion.blocks.emplace_back(ToolUse{"t1", "f", json::parse(R"({"a":1})").value()});
  completion.stop_reason = StopReason::tool_use;
  completion.usage = {.input_tokens = 16, .output_tokens = 9, .cache_read_tokens = 3};
  EXPECT_EQ(
      nova_answer(completion),
      R"({"output":{"message":{"content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"text":"Hi"},{"toolUse":{"name":"f","toolUseId":"t1","input":{"a":1}}}],"role":"assistant"}},"stopReason":"tool_use","usage":{"inputTokens":16,"outputTokens":9,"totalTokens":28,"cacheReadInputTokenCount":3,"cacheWriteInputTokenCount":0}})");
}

// The JSON documents of a stream's chunk events, one a line.
std::string chunks(std::string_view bytes) {
  aws::EventStreamDecoder decoder;
  decoder.feed(bytes);
  std::string out;
  for (;;) {
    auto message = decoder.next();
    if (!message || !*message) break;
    const auto payload = json::parse((*message)->payload);
    EXPECT_TRUE(payload);
    out +=
        from_base64(json::find_string(payload->get_object(), "bytes").value_or("")).value_or("?") +
        "\n";
  }
  return out;
}

std::string streamed(const std::vector<Delta>& deltas, const Timing& timing) {
  NovaStreamWriter writer(StreamFraming::event_stream());
  std::string out;
  for (const Delta& delta : deltas) writer.write(out, delta);
  writer.finish(out, timing);
  return chunks(out);
}

TEST(NovaStream, BlocksOpenAndCloseInOrder) {
  EXPECT_EQ(streamed({ReasoningDelta{"hm"}, TextDelta{"Hel"}, TextDelta{"lo"},
                      ToolUseStart{"t1", "f"}, ToolUseDelta{"{}"}, Stop{StopReason::tool_use},
                      Usage{.input_tokens = 1, .output_tokens = 2}},
                     {.latency = 12ms, .first_byte = 5ms}),
            R"({"messageStart":{"role":"assistant"}}
{"contentBlockDelta":{"delta":{"reasoningContent":{"reasoningText":{"text":"hm"}}},"contentBlockIndex":0}}
{"contentBlockStop":{"contentBlockIndex":0}}
{"contentBlockDelta":{"delta":{"text":"Hel"},"contentBlockIndex":1}}
{"contentBlockDelta":{"delta":{"text":"lo"},"contentBlockIndex":1}}
{"contentBlockStop":{"contentBlockIndex":1}}
{"contentBlockStart":{"start":{"toolUse":{"toolUseId":"t1","name":"f"}},"contentBlockIndex":2}}
{"contentBlockDelta":{"delta":{"toolUse":{"input":"{}"}},"contentBlockIndex":2}}
{"contentBlockStop":{"contentBlockIndex":2}}
{"messageStop":{"stopReason":"tool_use"}}
{"metadata":{"usage":{"inputTokens":1,"outputTokens":2,"cacheReadInputTokenCount":0,"cacheWriteInputTokenCount":0},"metrics":{},"trace":{}},"amazon-bedrock-invocationMetrics":{"inputTokenCount":1,"outputTokenCount":2,"invocationLatency":12,"firstByteLatency":5,"cacheReadInputTokenCount":0,"cacheWriteInputTokenCount":0}}
)");
}

// The genuine service closes a block after each piece of text; the first and the last lines, and
// the shape of each, are the same.
TEST(NovaStream, AGenuineCaptureHasTheSameLines) {
  const std::string path = std::string(TIDEGATE_SOURCE_DIR) +
                           "/../shared/vectors/agentgateway/response/detect/bedrock-invoke.bin";
  std::ifstream file(path, std::ios::binary);
  if (!file) GTEST_SKIP() << "no captured stream at " << path;
  std::stringstream bytes;
  bytes << file.rdbuf();
  const std::string genuine = chunks(bytes.str());
  const std::string ours = streamed({TextDelta{"Hello! How can I help"}, Stop{StopReason::end_turn},
                                     Usage{.input_tokens = 47, .output_tokens = 12}},
                                    {.latency = 416ms, .first_byte = 300ms});
  std::istringstream lines(ours);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(genuine.contains(line + "\n")) << line << "\nin\n" << genuine;
  }
}

}  // namespace
}  // namespace tidegate::chat
