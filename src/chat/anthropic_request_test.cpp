// Anthropic's Messages: what is understood, and in which words the rest is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/bytes.hpp"
#include "chat/anthropic_messages.hpp"
#include "chat/openai.hpp"

namespace tidegate::chat {
namespace {

using enum AnthropicDoor;

// Without the braces, so that a row shows only what it is about.
std::string body(std::string_view members,
                 std::string_view messages = R"([{"role":"user","content":"Hi"}])") {
  return fmt::format(R"({{"max_tokens":9,"messages":{}{}{}}})", messages,
                     members.empty() ? "" : ",", members);
}
std::string door_body(std::string_view members,
                      std::string_view messages = R"([{"role":"user","content":"Hi"}])") {
  return body(fmt::format(R"("model":"m"{}{})", members.empty() ? "" : ",", members), messages);
}

std::string refusal(std::string_view text, AnthropicDoor door = messages) {
  const auto request = parse_anthropic(text, door);
  if (request) return "(accepted)";
  EXPECT_EQ(request.error().origin, Origin::client);
  return request.error().message;
}

// What a model server is sent: the whole path of a request.
std::string sent(std::string_view text, AnthropicDoor door = messages) {
  const auto request = parse_anthropic(text, door);
  if (!request) return request.error().message;
  auto out = openai_request(request->conversation, "m", Streaming::no);
  return out ? *out : out.error().message;
}

TEST(AnthropicRequest, ReachesTheModel) {
  struct Row {
    std::string text, expected;
  };
  for (
      const Row& row : {
          Row{door_body(""),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":9})"},
          Row{door_body(R"("system":"Be brief.")"),
              R"({"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"max_tokens":9})"},
          Row{door_body(
                  R"("system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"b"}])"),
              R"({"model":"m","messages":[{"role":"system","content":"a\n\nb"},{"role":"user","content":"Hi"}],"max_tokens":9})"},
          Row{door_body(
                  R"("temperature":0.5,"top_p":1,"top_k":3,"stop_sequences":["END"],"metadata":{"user_id":"u"},"service_tier":"auto","stream":true)"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"temperature":0.5,"top_p":1,"top_k":3,"stop":["END"]})"},
          Row{door_body("", R"([{"role":"user","content":[{"type":"text","text":"look"},
             {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
             {"type":"document","title":"d","source":{"type":"text","media_type":"text/plain","data":"x"}}]}])"),
              R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"Document \"d\" (txt):\nx"}]}],"max_tokens":9})"},
          // Turns of one role in a row are one; a prefill stays last.
          Row{door_body(
                  "",
                  R"([{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c"}])"),
              R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"assistant","content":"c"}],"max_tokens":9})"},
          Row{door_body(
                  R"("tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true})",
                  R"([{"role":"user","content":"go"},
             {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"zz"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"x":1}}]},
             {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[{"type":"text","text":"no"}]}]}])"),
              R"({"model":"m","messages":[{"role":"user","content":"go"},{"role":"assistant","content":null,"tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"toolu_1","content":"Error: no"}],"max_tokens":9,"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false})"},
          Row{door_body(
                  R"("thinking":{"type":"disabled"},"output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object"}}})"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"reasoning_effort":"low","chat_template_kwargs":{"enable_thinking":false},"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},"strict":true}}})"},
      }) {
    EXPECT_EQ(sent(row.text), row.expected);
  }
}

TEST(AnthropicRequest, InvokeModelHasVersionsAndNoAddress) {
  const std::string versions[] = {"bedrock-2023-05-31", "2026-10-21"};
  for (const std::string& version : versions) {
    EXPECT_EQ(refusal(body(fmt::format(
                          R"("anthropic_version":"{}","anthropic_beta":["context-1m-2025-08-07"])",
                          version)),
                      invoke_model),
              "(accepted)");
  }
  EXPECT_EQ(refusal(body(""), invoke_model), "anthropic_version: Field required");
  EXPECT_EQ(refusal(body(R"("anthropic_version":"2023-06-01")"), invoke_model),
            "anthropic_version: Input should be 'bedrock-2023-05-31' or '2026-10-21'");
  EXPECT_EQ(refusal(body(R"("anthropic_version":"2026-10-21","model":"m")"), invoke_model),
            "model: Extra inputs are not permitted");
  EXPECT_EQ(refusal(body(R"("anthropic_version":"2026-10-21","stream":true)"), invoke_model),
            "stream: Extra inputs are not permitted");
}

TEST(AnthropicRequest, TheDoorSaysModelAndStream) {
  const auto request = parse_anthropic(door_body(R"("stream":true)"), messages);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "m");
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->conversation.sampling.max_tokens, 9);
  EXPECT_EQ(refusal(body("")), "model: Field required");
  EXPECT_EQ(refusal(R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})"),
            "max_tokens: Field required");
  EXPECT_EQ(refusal(R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})", count_tokens),
            "(accepted)");
  EXPECT_EQ(refusal(door_body(""), count_tokens), "max_tokens: Extra inputs are not permitted");
}

TEST(AnthropicRequest, Refusals) {
  struct Row {
    std::string_view members, expected;
  };
  for (
      const Row& row : {
          Row{R"("foo":1)", "foo: Extra inputs are not permitted"},
          Row{R"("temperature":1.5)", "temperature: Input should be less than or equal to 1"},
          Row{R"("temperature":"hot")", "temperature: Input should be a valid number"},
          Row{R"("top_k":1.5)", "top_k: Input should be a valid integer"},
          Row{R"("stop_sequences":[" "])",
              "stop_sequences: each stop sequence must contain non-whitespace"},
          Row{R"("stop_sequences":"x")", "stop_sequences: Input should be a valid list"},
          Row{R"("system":[{"type":"text","text":""}])",
              "system.0.text: text content blocks must be non-empty"},
          Row{R"("system":[{"type":"image","source":{}}])",
              "system.0: `image` blocks can only be in `user` messages"},
          Row{R"("tools":[{"name":"a b","input_schema":{"type":"object"}}])",
              "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"},
          Row{R"("tools":[{"name":"f"}])", "tools.0.custom.input_schema: Field required"},
          Row{R"("tools":[{"type":"web_search_20250305","name":"web_search"}])",
              "tools.0.type: tools of the type 'web_search_20250305' are not supported for this "
              "model"},
          Row{R"("tool_choice":{"type":"auto"})",
              "tool_choice: tool_choice may only be specified while providing tools."},
          Row{R"("tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"g"})",
              "tool_choice: Tool 'g' not found in provided tools"},
          Row{R"("thinking":{"type":"enabled","budget_tokens":10})",
              "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"},
          Row{R"("thinking":{"type":"enabled","budget_tokens":1024})",
              "`max_tokens` must be greater than `thinking.budget_tokens`."},
          Row{R"("thinking":{"type":"adaptive"},"temperature":0)",
              "`temperature` may only be set to 1 when thinking is enabled."},
          Row{R"("metadata":{"user":1})", "metadata.user: Extra inputs are not permitted"},
          Row{R"("container":"c")", "container: Extra inputs are not permitted"},
      }) {
    EXPECT_EQ(refusal(door_body(row.members)), row.expected);
  }
}

TEST(AnthropicRequest, RefusalsInMessages) {
  struct Row {
    std::string_view content, expected;
  };
  for (
      const Row& row : {
          Row{"[]", "messages: at least one message is required"},
          Row{R"([{"role":"assistant","content":"x"}])",
              "messages: first message must use the \"user\" role"},
          Row{R"([{"role":"system","content":"x"}])",
              "messages.0.role: Unexpected role \"system\". The Messages API accepts a top-level "
              "`system` parameter, not \"system\" as an input message role."},
          Row{R"([{"role":"tool","content":"x"}])",
              "messages.0.role: Input should be 'user' or 'assistant'"},
          Row{R"([{"role":"user","content":3}])",
              "messages.0.content: Input should be a valid list"},
          Row{R"([{"role":"user"}])", "messages.0.content: Field required"},
          Row{R"([{"role":"user","content":""}])",
              "messages.0: all messages must have non-empty content except for the optional "
              "final assistant message"},
          Row{R"([{"role":"user","content":[{"type":"text"}]}])",
              "messages.0.content.0.text.text: Field required"},
          Row{R"([{"role":"user","content":[{"type":"text","text":"a","x":1}]}])",
              "messages.0.content.0.text.x: Extra inputs are not permitted"},
          Row{R"([{"role":"user","content":[{"type":"video"}]}])",
              "messages.0.content.0.type: Input should be 'document', 'image', "
              "'redacted_thinking', 'text', 'thinking', 'tool_result' or 'tool_use'"},
          Row{R"([{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}])",
              "messages.0.content.0.image.source: image sources of the type 'url' are not "
              "supported"},
          Row{R"([{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"!"}}]}])",
              "messages.0.content.0.image.source.data: Invalid base64 data"},
          Row{R"([{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}])",
              "messages.0.content.0.document.source: document sources of the type 'base64' are "
              "not supported"},
          Row{R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}])",
              "messages.0: unexpected `tool_use_id` found in `tool_result` blocks: t. Each "
              "`tool_result` block must have a corresponding `tool_use` block in the previous "
              "message."},
          Row{R"([{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":"b"}])",
              "messages.2: `tool_use` ids were found without `tool_result` blocks immediately "
              "after: t. Each `tool_use` block must have a corresponding `tool_result` block in "
              "the next message."},
          Row{R"([{"role":"user","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]}])",
              "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages"},
      }) {
    EXPECT_EQ(refusal(door_body("", row.content)), row.expected);
  }
}

TEST(AnthropicRequest, WhatIsNoJsonObjectIsRefused) {
  for (const std::string_view text : {"", "{", "[]", "null", "3", R"({"model":"a","model":"b"})"}) {
    EXPECT_NE(refusal(text), "(accepted)") << text;
  }
}

TEST(AnthropicRequest, MembersThatTheModelTakesGoThrough) {
  const auto request = parse_anthropic(door_body(R"("seed":7)"), messages, {.allowed = {"/seed"}});
  ASSERT_TRUE(request);
  EXPECT_EQ(json::serialize(request->conversation.additional), R"({"seed":7})");
}

TEST(AnthropicRequest, BodiesThatItsOwnClientsSent) {
  const std::string path =
      std::string(TIDEGATE_SOURCE_DIR) + "/../shared/vectors/captured/http1-requests.json";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no captured requests at " << path;
  std::stringstream text;
  text << file.rdbuf();
  const auto document = json::parse(text.str());
  ASSERT_TRUE(document);
  int seen = 0;
  for (const auto& member : document->get_object()) {
    if (!member.value().is_array()) continue;
    for (const json::value& request : member.value().get_array()) {
      const json::object& o = request.get_object();
      if (!json::find_string(o, "client").value_or("").starts_with("AnthropicBedrock")) continue;
      const auto sent_body = from_base64(json::find_string(o, "bodyB64").value_or(""));
      ASSERT_TRUE(sent_body);
      EXPECT_EQ(refusal(*sent_body, invoke_model), "(accepted)") << *sent_body;
      ++seen;
    }
  }
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace tidegate::chat
