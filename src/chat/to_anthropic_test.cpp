// Anthropic's Messages from the client's side: what a conversation becomes, and what answers mean.
#include "chat/to_anthropic.hpp"

#include <gtest/gtest.h>

#include "chat/converse.hpp"

namespace tidegate::chat {
namespace {

constexpr std::string_view whole_body = R"({
  "system":[{"text":"Be brief."}],
  "messages":[
    {"role":"user","content":[{"text":"Weather?"},{"cachePoint":{"type":"default"}},
      {"image":{"format":"png","source":{"bytes":"AAAA"}}}]},
    {"role":"assistant","content":[
      {"reasoningContent":{"reasoningText":{"text":"Hm","signature":"sig"}}},
      {"toolUse":{"toolUseId":"t1","name":"weather","input":{"city":"Milan"}}}]},
    {"role":"user","content":[{"toolResult":{"toolUseId":"t1","status":"error","content":[
      {"text":"no"},{"json":{"code":7}}]}}]}],
  "inferenceConfig":{"maxTokens":9,"temperature":0.5,"topP":0.9,"stopSequences":["x"]},
  "toolConfig":{"tools":[{"toolSpec":{"name":"weather","description":"d","inputSchema":{"json":{"type":"object"}}}}],
    "toolChoice":{"tool":{"name":"weather"}}},
  "additionalModelRequestFields":{"top_k":5,"thinking":{"type":"enabled","budget_tokens":2000}}})";

TEST(ToAnthropic, SaysAllOfAConversation) {
  auto conversation = parse_converse(whole_body, {.pass_all = true});
  ASSERT_TRUE(conversation) << conversation.error().message;
  ASSERT_TRUE(check_to_anthropic(*conversation));
  EXPECT_EQ(
      to_anthropic(*conversation, "claude", Streaming::yes),
      R"({"model":"claude","system":[{"type":"text","text":"Be brief."}],"messages":[)"
      R"({"role":"user","content":[{"type":"text","text":"Weather?","cache_control":{"type":"ephemeral"}},)"
      R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},)"
      R"({"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"sig"},)"
      R"({"type":"tool_use","id":"t1","name":"weather","input":{"city":"Milan"}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":[)"
      R"({"type":"text","text":"no"},{"type":"text","text":"{\"code\":7}"}]}]}],)"
      R"("tools":[{"name":"weather","description":"d","input_schema":{"type":"object"}}],)"
      R"("tool_choice":{"type":"tool","name":"weather"},)"
      R"("thinking":{"type":"enabled","budget_tokens":2000},)"
      R"("max_tokens":9,"temperature":0.5,"top_p":0.9,"top_k":5,"stop_sequences":["x"],"stream":true})");
}

TEST(ToAnthropic, RefusesWhatTheApiCannotSay) {
  for (
      const std::string_view body :
      {R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{}"}}}}})",
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"additionalModelRequestFields":{"stream":true}})"}) {
    const auto conversation = parse_converse(body, {.pass_all = true});
    ASSERT_TRUE(conversation);
    const auto checked = check_to_anthropic(*conversation);
    ASSERT_FALSE(checked) << body;
    EXPECT_EQ(checked.error().code, ErrorCode::validation);
    EXPECT_EQ(checked.error().origin, Origin::client);
  }
}

TEST(FromAnthropic, ReadsAWholeAnswer) {
  const auto answer = from_anthropic(
      R"({"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
        {"type":"thinking","thinking":"Hm","signature":"sig"},{"type":"text","text":"Ciao"},
        {"type":"tool_use","id":"t1","name":"f","input":{"a":1}}],
        "stop_reason":"stop_sequence","stop_sequence":"END",
        "usage":{"input_tokens":10,"cache_creation_input_tokens":3,"cache_read_input_tokens":2,"output_tokens":5}})",
      std::vector<std::string>{"/stop_sequence", "/none"});
  ASSERT_TRUE(answer) << answer.error().why;
  ASSERT_EQ(answer->blocks.size(), 3u);
  EXPECT_EQ(std::get<Reasoning>(answer->blocks[0]).signature, "sig");
  EXPECT_EQ(std::get<Text>(answer->blocks[1]).text, "Ciao");
  EXPECT_EQ(json::serialize(std::get<ToolUse>(answer->blocks[2]).input), R"({"a":1})");
  EXPECT_EQ(answer->stop_reason, StopReason::stop_sequence);
  EXPECT_EQ(answer->stop_sequence, "END");
  EXPECT_EQ(answer->usage.total(), 20);
  EXPECT_EQ(boost::json::serialize(answer->additional), R"({"stop_sequence":"END"})");
}

TEST(FromAnthropic, RefusesWhatIsNoAnswer) {
  for (const std::string_view body :
       {"<html>", "[]", R"({"type":"error","error":{"type":"overloaded_error"}})",
        R"({"content":[1]})", R"({"content":[{"type":"tool_use","name":"f"}]})"}) {
    const auto answer = from_anthropic(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().code, ErrorCode::model_error);
  }
}

std::string event(std::string_view type, std::string_view rest) {
  return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest);
}

std::string told(const std::vector<Delta>& deltas) {
  std::string out;
  for (const Delta& delta : deltas) {
    if (const auto* text = std::get_if<TextDelta>(&delta)) out += "text:" + text->text;
    if (const auto* said = std::get_if<ReasoningDelta>(&delta))
      out += "reasoning:" + said->text + "/" + said->signature;
    if (const auto* start = std::get_if<ToolUseStart>(&delta)) out += "tool:" + start->name;
    if (const auto* piece = std::get_if<ToolUseDelta>(&delta)) out += "input:" + piece->json;
    if (const auto* stop = std::get_if<Stop>(&delta))
      out += "stop:" + std::string(name_of(stop->reason));
    if (const auto* usage = std::get_if<Usage>(&delta))
      out += fmt::format("usage:{}+{}", usage->input_tokens, usage->output_tokens);
    out += ' ';
  }
  return out;
}

const std::string stream =
    event("message_start",
          R"(,"message":{"id":"m","usage":{"input_tokens":25,"output_tokens":1}})") +
    event("ping", "") +
    event("content_block_start",
          R"(,"index":0,"content_block":{"type":"thinking","thinking":"","signature":""})") +
    event("content_block_delta",
          R"(,"index":0,"delta":{"type":"thinking_delta","thinking":"Hm"})") +
    event("content_block_delta",
          R"(,"index":0,"delta":{"type":"signature_delta","signature":"sig"})") +
    event("content_block_stop", R"(,"index":0)") +
    event("content_block_start", R"(,"index":1,"content_block":{"type":"text","text":""})") +
    event("content_block_delta", R"(,"index":1,"delta":{"type":"text_delta","text":"Ciao"})") +
    event("content_block_stop", R"(,"index":1)") +
    event("content_block_start",
          R"(,"index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}})") +
    event("content_block_delta",
          R"(,"index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"})") +
    event("content_block_stop", R"(,"index":2)") +
    event(
        "message_delta",
        R"(,"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":15})") +
    event("message_stop", "");

TEST(AnthropicStream, IsReadInAnyPieces) {
  for (const std::size_t piece : {1u, 7u, 100u, 10'000u}) {
    AnthropicStreamReader reader;
    std::vector<Delta> deltas;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(reader.feed(std::string_view(stream).substr(at, piece), deltas));
    }
    ASSERT_TRUE(reader.finish(deltas));
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(told(deltas),
              "reasoning:Hm/ reasoning:/sig text:Ciao tool:f input:{\"a\":1} usage:25+15 "
              "stop:tool_use ");
  }
}

TEST(AnthropicStream, SaysWhereItBroke) {
  for (const auto& [bytes, is_error_event] :
       {std::pair{stream.substr(0, 300), false},
        {std::string("data: nonsense\n\n"), false},
        {event("error", R"(,"error":{"type":"overloaded_error","message":"Overloaded"})"), true}}) {
    AnthropicStreamReader reader;
    std::vector<Delta> deltas;
    auto taken = reader.feed(bytes, deltas);
    if (taken) taken = reader.finish(deltas);
    ASSERT_FALSE(taken) << bytes;
    EXPECT_EQ(taken.error().code, ErrorCode::model_stream_error);
    EXPECT_EQ(!reader.error_event().empty(), is_error_event);
  }
}

}  // namespace
}  // namespace tidegate::chat
