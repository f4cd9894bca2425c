// Forced tool calls where the model server has no tool parser.
#include "chat/schema_tools.hpp"

#include <gtest/gtest.h>

#include "chat/converse.hpp"
#include "chat/openai.hpp"

namespace tidegate::chat {
namespace {

Conversation asked(std::string_view choice, int tools = 1) {
  std::string specs;
  for (int i = 0; i < tools; ++i) {
    specs += fmt::format(
        R"({}{{"toolSpec":{{"name":"f{}","description":"d","inputSchema":{{"json":{{"type":"object"}}}}}}}})",
        i ? "," : "", i);
  }
  const std::string body = fmt::format(
      R"({{"messages":[{{"role":"user","content":[{{"text":"Hi"}}]}},
        {{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"t1","name":"f0","input":{{"a":1}}}}}}]}},
        {{"role":"user","content":[{{"toolResult":{{"toolUseId":"t1","content":[{{"text":"42"}}]}}}}]}}],
        "toolConfig":{{"tools":[{}]{}}}}})",
      specs, choice.empty() ? "" : fmt::format(R"(,"toolChoice":{})", choice));
  auto out = parse_converse(body, {});
  EXPECT_TRUE(out) << out.error().message;
  return *out;
}

TEST(SchemaTools, OnlyAForcedCallIsOffered) {
  EXPECT_FALSE(check_schema_tools(asked("")));
  EXPECT_FALSE(check_schema_tools(asked(R"({"auto":{}})")));
  EXPECT_TRUE(check_schema_tools(asked(R"({"any":{}})")));
  EXPECT_TRUE(check_schema_tools(asked(R"({"tool":{"name":"f0"}})")));
  EXPECT_EQ(check_no_tools(asked("")).error().message, "This model doesn't support tool use.");
  EXPECT_TRUE(check_no_tools(
      *parse_converse(R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})", {})));
}

TEST(SchemaTools, TheCallBecomesAnOutputSchemaAndTheHistoryText) {
  const auto one = with_schema_for_tools(asked(R"({"tool":{"name":"f0"}})"));
  ASSERT_TRUE(one);
  const std::string body = *openai_request(*one, "m", Streaming::no);
  EXPECT_TRUE(body.contains(
      R"("response_format":{"type":"json_schema","json_schema":{"name":"f0","schema":{"type":"object"},"strict":true}})"))
      << body;
  EXPECT_TRUE(body.contains(R"(Call t1 of the tool f0: {\"a\":1})")) << body;
  EXPECT_TRUE(body.contains(R"(Result of the call t1:\n42)")) << body;
  EXPECT_FALSE(body.contains("tool_calls")) << body;
  const auto several = with_schema_for_tools(asked(R"({"any":{}})", 2));
  ASSERT_TRUE(several);
  EXPECT_TRUE(json::serialize(several->output_schema->schema).contains(R"({"const":"f1"})"));
}

struct Row {
  std::string_view what;
  std::string_view choice;
  int tools;
  std::string_view text;
  StopReason given, reason;
  std::string_view name, input;
};
constexpr Row rows[] = {
    {"one tool", R"({"any":{}})", 1, R"({"x":1})", StopReason::end_turn, StopReason::tool_use, "f0",
     R"({"x":1})"},
    {"a named tool of two", R"({"tool":{"name":"f1"}})", 2, R"({"x":1})", StopReason::end_turn,
     StopReason::tool_use, "f1", R"({"x":1})"},
    {"a choice", R"({"any":{}})", 2, R"({"tool":"f1","input":{"x":1}})", StopReason::end_turn,
     StopReason::tool_use, "f1", R"({"x":1})"},
    {"cut for length", R"({"any":{}})", 1, R"({"x":)", StopReason::max_tokens,
     StopReason::max_tokens, "f0", R"("{\"x\":")"},
    {"not JSON", R"({"any":{}})", 1, "Sure!", StopReason::end_turn, StopReason::malformed_tool_use,
     "f0", R"("Sure!")"},
    {"no such tool", R"({"any":{}})", 2, R"({"tool":"g","input":{}})", StopReason::end_turn,
     StopReason::malformed_tool_use, "f0", R"("{\"tool\":\"g\",\"input\":{}}")"},
};

TEST(SchemaTools, AnAnswersTextIsTheCall) {
  for (const Row& row : rows) {
    Completion answer;
    answer.blocks.emplace_back(Text{std::string(row.text)});
    answer.stop_reason = row.given;
    const Completion out = with_call_from_text(asked(row.choice, row.tools), answer, "id");
    ASSERT_EQ(out.blocks.size(), 1u) << row.what;
    const auto& use = std::get<ToolUse>(out.blocks[0]);
    EXPECT_EQ(use.name, row.name) << row.what;
    EXPECT_EQ(json::serialize(use.input), row.input) << row.what;
    EXPECT_EQ(out.stop_reason, row.reason) << row.what;
    EXPECT_TRUE(use.id.starts_with("tooluse_")) << use.id;
  }
}

TEST(SchemaTools, AStreamsTextIsTheCall) {
  for (const Row& row : rows) {
    const Conversation conversation = asked(row.choice, row.tools);
    auto reader =
        make_schema_tool_reader(conversation, std::make_unique<OpenAiStreamReader>(), "id");
    std::vector<Delta> deltas;
    for (const char c : row.text) {
      std::string quoted;
      json::append_quoted(quoted, std::string(1, c));
      ASSERT_TRUE(reader->feed(
          fmt::format("data: {{\"choices\":[{{\"delta\":{{\"content\":{}}}}}]}}\n\n", quoted),
          deltas));
    }
    ASSERT_TRUE(reader->feed(
        fmt::format("data: {{\"choices\":[{{\"finish_reason\":\"{}\"}}]}}\n\ndata: [DONE]\n\n",
                    row.given == StopReason::max_tokens ? "length" : "stop"),
        deltas));
    ASSERT_TRUE(reader->finish(deltas));
    std::string name, input;
    StopReason reason{};
    for (const Delta& delta : deltas) {
      EXPECT_FALSE(std::holds_alternative<TextDelta>(delta)) << row.what;
      if (const auto* start = std::get_if<ToolUseStart>(&delta)) name = start->name;
      if (const auto* piece = std::get_if<ToolUseDelta>(&delta)) input += piece->json;
      if (const auto* stop = std::get_if<Stop>(&delta)) reason = stop->reason;
    }
    EXPECT_EQ(name, row.name) << row.what;
    EXPECT_EQ(reason, row.reason) << row.what;
    // Malformed input is told as it came.
    const bool whole = row.reason == StopReason::tool_use;
    EXPECT_EQ(input, whole ? row.input : row.text) << row.what;
  }
}

}  // namespace
}  // namespace tidegate::chat
