// The streamed answers of model servers, however the bytes are cut.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "chat/openai.hpp"

namespace tidegate::chat {
namespace {

std::string told(const std::vector<Delta>& deltas) {
  std::string out;
  for (const Delta& delta : deltas) {
    if (!out.empty()) out += ' ';
    if (const auto* d = std::get_if<TextDelta>(&delta)) out += "text:" + d->text;
    if (const auto* d = std::get_if<ReasoningDelta>(&delta)) out += "reasoning:" + d->text;
    if (const auto* d = std::get_if<ToolUseStart>(&delta)) out += "tool:" + d->id + "/" + d->name;
    if (const auto* d = std::get_if<ToolUseDelta>(&delta)) out += "input:" + d->json;
    if (const auto* d = std::get_if<Stop>(&delta)) out += "stop:" + std::string(name_of(d->reason));
    if (const auto* d = std::get_if<Usage>(&delta)) {
      out += fmt::format("usage:{}+{}+{}", d->input_tokens, d->cache_read_tokens, d->output_tokens);
    }
  }
  return out;
}

std::string read(std::string_view stream, std::size_t piece) {
  OpenAiStreamReader reader;
  std::vector<Delta> deltas;
  Result<void> result;
  for (std::size_t at = 0; at < stream.size() && result; at += piece) {
    result = reader.feed(stream.substr(at, piece), deltas);
  }
  if (result) result = reader.finish(deltas);
  std::string out = told(deltas);
  if (!result) {
    EXPECT_EQ(result.error().code, ErrorCode::model_stream_error);
    out += fmt::format("{}failed:{}", out.empty() ? "" : " ", result.error().why);
  }
  return out;
}

// In the shape of llama.cpp's server: the role first, usage in a chunk of its own.
constexpr std::string_view llama =
    "data: "
    "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"role\":\"assistant\","
    "\"content\":null}}],"
    "\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"m\",\"object\":\"chat.completion.chunk\"}\n\n"
    "data: "
    "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"Hel\"}}],\"id\":"
    "\"chatcmpl-1\"}\n\n"
    "data: "
    "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"lo\\n\"}}],\"id\":"
    "\"chatcmpl-1\"}\n\n"
    "data: "
    "{\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"delta\":{}}],\"id\":\"chatcmpl-1\"}"
    "\n\n"
    "data: "
    "{\"choices\":[],\"id\":\"chatcmpl-1\",\"usage\":{\"completion_tokens\":2,\"prompt_tokens\":31,"
    "\"total_tokens\":33,\"prompt_tokens_details\":{\"cached_tokens\":30}},\"timings\":{\"prompt_"
    "n\":1}}\n\n"
    "data: [DONE]\n\n";

TEST(OpenAiStream, OfLlamaCppHoweverItIsCut) {
  for (const std::size_t piece : {1u, 2u, 7u, 64u, 100'000u}) {
    EXPECT_EQ(read(llama, piece), "text:Hel text:lo\n stop:end_turn usage:1+30+2") << piece;
  }
  std::string crlf;
  for (const char c : llama) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  for (const std::size_t piece : {1u, 64u, 100'000u}) {
    EXPECT_EQ(read(crlf, piece), "text:Hel text:lo\n stop:end_turn usage:1+30+2") << piece;
  }
}

std::string delta(std::string_view members, std::string_view finish = "null") {
  return fmt::format(
      "data: "
      "{{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{{}}},\"finish_reason\":{}}}]}}\n\n",
      members, finish);
}

struct Case {
  std::string_view what;
  std::string stream, expected;
};

TEST(OpenAiStream, WhatServersDo) {
  const std::string stop = delta("", "\"stop\"");
  for (
      const Case& c : {
          Case{"vLLM: empty first content, reasoning, usage null",
               "data: "
               "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
               "\"finish_reason\":null}],"
               "\"usage\":null}\n\n" +
                   delta(R"("reasoning":"hm")") + delta(R"("reasoning_content":"m")") +
                   delta(R"("content":"A")") +
                   "data: "
                   "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":"
                   "\"stop\",\"stop_reason\":\"END\"}]}\n\n"
                   "data: "
                   "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}"
                   "\n\ndata: [DONE]\n\n",
               "reasoning:hm reasoning:m text:A stop:stop_sequence usage:3+0+4"},
          Case{
              "tool calls in pieces, then another",
              delta(
                  R"("tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}])") +
                  delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}])") +
                  delta(R"("tool_calls":[{"index":0,"function":{"arguments":"1}"}}])") +
                  delta(
                      R"("tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}])") +
                  delta("", "\"tool_calls\"") + "data: [DONE]\n\n",
              "tool:a/f input:{\"x\": input:1} tool:b/g input:{} stop:tool_use"},
          Case{
              "whole tool calls that share an index",
              delta(
                  R"("tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}])") +
                  stop,
              "tool:a/f input:{} tool:b/g input:{} stop:tool_use"},
          Case{"comments, other fields, no space, several data lines",
               ": ping\n\nevent: message\nid: "
               "1\ndata:{\"choices\":[{\"delta\":\ndata:{\"content\":\"A\"}}]}\n\n" +
                   stop,
               "text:A stop:end_turn"},
          Case{"usage beside the reason to stop, as older servers do",
               "data: "
               "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_"
               "tokens\":1,\"completion_tokens\":2}}\n\n",
               "stop:max_tokens usage:1+0+2"},
          Case{"no usage and no [DONE]", delta(R"("content":"A")") + stop, "text:A stop:end_turn"},
          Case{"the last event without its line ends",
               delta(R"("content":"A")") +
                   R"(data: {"choices":[{"delta":{},"finish_reason":"stop"}]})",
               "text:A stop:end_turn"},
          Case{"[DONE] without a reason", delta(R"("content":"A")") + "data: [DONE]\n\n",
               "text:A stop:end_turn"},
          Case{"members of other types count as absent",
               "data: "
               "{\"choices\":[{\"delta\":{\"content\":7,\"tool_calls\":{}},\"finish_reason\":0}],"
               "\"usage\":[]}\n\n" +
                   std::string("data: {\"choices\":[7]}\n\ndata: "
                               "{\"choices\":\"x\",\"usage\":{\"prompt_tokens\":-3}}\n\n") +
                   stop,
               "usage:0+0+0 stop:end_turn"},
          Case{"more cached than prompted",
               "data: "
               "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"prompt_tokens_details\":{\"cached_"
               "tokens\":9}}}\n\n" +
                   stop,
               "usage:0+3+0 stop:end_turn"},
          Case{"nothing after the end counts",
               stop + delta(R"("content":"late")") + "data: [DONE]\n\n" + "data: nonsense\n\n",
               "stop:end_turn"},
          Case{"broken off", delta(R"("content":"A")"),
               "text:A failed:the stream ended before the answer did"},
          Case{"nothing at all", "", "failed:the stream ended before the answer did"},
          Case{"an error event",
               delta(R"("content":"A")") +
                   "data: {\"error\":{\"code\":500,\"message\":\"secret\"}}\n\n",
               "text:A failed:an error inside the stream"},
          Case{"llama.cpp's older error field", "error: {\"code\":500}\n\n" + stop,
               "stop:end_turn"},
          Case{"vLLM's older error",
               "data: {\"object\":\"error\",\"message\":\"x\",\"code\":400}\n\n",
               "failed:an error inside the stream"},
          Case{"not JSON", delta(R"("content":"A")") + "data: {\n\n",
               "text:A failed:an event that is not JSON"},
          Case{"not an object", "data: 3\n\n", "failed:an event that is not a JSON object"},
          Case{"a tool call without a name", delta(R"("tool_calls":[{"index":0,"id":"a"}])"),
               "failed:a tool call without a function name"},
          Case{"back to an earlier tool call",
               delta(R"("tool_calls":[{"index":1,"id":"b","function":{"name":"g"}}])") +
                   delta(R"("tool_calls":[{"index":0,"function":{"arguments":"x"}}])"),
               "tool:b/g failed:the stream went back to an earlier tool call"},
      }) {
    for (const std::size_t piece : {1u, 100'000u})
      EXPECT_EQ(read(c.stream, piece), c.expected) << c.what;
  }
}

TEST(OpenAiStream, ErrorsKeepTheServersStatus) {
  OpenAiStreamReader reader;
  std::vector<Delta> deltas;
  const auto result = reader.feed("data: {\"error\":{\"code\":503,\"message\":\"x\"}}\n\n", deltas);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().upstream_status, 503);
  EXPECT_EQ(result.error().message.find('x'), std::string::npos);
}

TEST(OpenAiStream, EventsAreBounded) {
  const std::string much(limits::sse_event_bytes_max / 2 + 1, 'x');
  for (const char* separator : {"", "\ndata: "}) {
    OpenAiStreamReader reader;
    std::vector<Delta> deltas;
    ASSERT_TRUE(reader.feed("data: " + much, deltas));
    const auto result = reader.feed(separator + much + "\n", deltas);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::model_stream_error);
  }
}

}  // namespace
}  // namespace tidegate::chat
