// The OpenAI side: requests as model servers want them, answers as llama.cpp and vLLM give them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "chat/converse.hpp"
#include "chat/openai.hpp"

namespace tidegate::chat {
namespace {

std::string translated(std::string_view converse, Streaming streaming = Streaming::no) {
  const auto conversation = parse_converse(converse, {.pass_all = true});
  if (!conversation) return conversation.error().message;
  const auto request = openai_request(*conversation, "m", streaming);
  if (!request) return request.error().message;
  EXPECT_TRUE(json::parse(*request)) << *request;
  return *request;
}

struct Translation {
  std::string_view converse, openai;
};

TEST(OpenAiRequest, Translations) {
  for (
      const Translation& t : {
          Translation{R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})",
                      R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})"},
          Translation{
              R"({"system":[{"text":"a"},{"text":"b"}],"messages":[{"role":"user","content":[{"text":"x"},{"cachePoint":{"type":"default"}},{"text":"y"}]}]})",
              R"({"model":"m","messages":[{"role":"system","content":"a\n\nb"},{"role":"user","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}]})"},
          Translation{
              R"({"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"AAAA"}}}]}]})",
              R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]})"},
          Translation{
              R"({"messages":[{"role":"user","content":[{"document":{"format":"csv","name":"d","source":{"text":"1,2"}}}]}]})",
              R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Document \"d\" (csv):\n1,2"}]}]})"},
          Translation{
              R"({"messages":[{"role":"user","content":[{"text":"x"}]}],"inferenceConfig":{"maxTokens":5,"temperature":0.7,"topP":1,"stopSequences":["a","b"]},"outputConfig":{"effort":"low"},"additionalModelRequestFields":{"topK":3,"seed":1,"thinking":{"type":"disabled"}}})",
              R"({"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":5,"temperature":0.7,"top_p":1,"top_k":3,"stop":["a","b"],"reasoning_effort":"low","chat_template_kwargs":{"enable_thinking":false},"seed":1})"},
          Translation{
              R"({"messages":[{"role":"user","content":[{"text":"x"}]}],"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\":\"object\"}"}}}}})",
              R"({"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},"strict":true}}})"},
          Translation{
              R"({"messages":[{"role":"user","content":[{"text":"x"}]}],"additionalModelRequestFields":{"model":"other"}})",
              "The additional field model conflicts with an existing field."},
          Translation{
              R"({"messages":[{"role":"user","content":[{"text":"x"}]}],"inferenceConfig":{"maxTokens":5},"additionalModelRequestFields":{"max_tokens":9}})",
              "The additional field max_tokens conflicts with an existing field."},
      }) {
    EXPECT_EQ(translated(t.converse), t.openai);
  }
}

TEST(OpenAiRequest, ToolResultsComeFirstAndOnTheirOwn) {
  EXPECT_EQ(
      translated(R"({"messages":[
        {"role":"user","content":[{"text":"go"}]},
        {"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},
          {"toolUse":{"toolUseId":"a","name":"f","input":{"x":1}}},{"toolUse":{"toolUseId":"b",
            "name":"f","input":{}}}]},
        {"role":"user","content":[{"text":"and then?"},
          {"toolResult":{"toolUseId":"a","content":[{"json":{"y":2}},{"image":{"format":"png",
            "source":{"bytes":"AAAA"}}}]}},
          {"toolResult":{"toolUseId":"b","content":[{"text":"no"}],"status":"error"}}]}],
        "toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d",
          "inputSchema":{"json":{"type":"object"}}}}],
          "toolChoice":{"tool":{"name":"f"}}}})"),
      R"({"model":"m","messages":[{"role":"user","content":"go"},)"
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"a","content":"{\"y\":2}"},{"role":"tool","tool_call_id":"b","content":"Error: no"},)"
      R"({"role":"user","content":[{"type":"text","text":"and then?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}],)"
      R"("tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],"tool_choice":{"type":"function","function":{"name":"f"}}})");
}

TEST(OpenAiRequest, AStreamAsksForItsUsage) {
  EXPECT_TRUE(
      translated(R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})", Streaming::yes)
          .ends_with(R"(,"stream":true,"stream_options":{"include_usage":true}})"));
}

// An answer in the shape of llama.cpp's server.
constexpr std::string_view llama_answer =
    R"({"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"Bonjour"}}],"created":1763800000,"model":"smollm2","system_fingerprint":"b1","object":"chat.completion","usage":{"completion_tokens":4,"prompt_tokens":31,"total_tokens":35,"prompt_tokens_details":{"cached_tokens":30}},"id":"chatcmpl-1","timings":{"cache_n":30,"prompt_n":1}})";
// In the shape of vLLM's.
constexpr std::string_view vllm_answer =
    R"({"id":"chatcmpl-2","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"reasoning":"hm","tool_calls":[{"id":"chatcmpl-tool-1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]},"logprobs":null,"finish_reason":"tool_calls","stop_reason":null}],"usage":{"prompt_tokens":10,"total_tokens":25,"completion_tokens":15,"prompt_tokens_details":null}})";

TEST(OpenAiAnswer, OfLlamaCpp) {
  const auto answer = parse_openai_answer(llama_answer);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->blocks.size(), 1u);
  EXPECT_EQ(std::get<Text>(answer->blocks[0]).text, "Bonjour");
  EXPECT_EQ(answer->stop_reason, StopReason::end_turn);
  EXPECT_EQ(answer->usage.input_tokens, 1);
  EXPECT_EQ(answer->usage.cache_read_tokens, 30);
  EXPECT_EQ(answer->usage.output_tokens, 4);
  EXPECT_EQ(answer->usage.total(), 35);
}

TEST(OpenAiAnswer, OfVllm) {
  const auto answer = parse_openai_answer(vllm_answer);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->blocks.size(), 2u);
  EXPECT_EQ(std::get<Reasoning>(answer->blocks[0]).text, "hm");
  const auto& use = std::get<ToolUse>(answer->blocks[1]);
  EXPECT_EQ(use.id, "chatcmpl-tool-1");
  EXPECT_EQ(json::serialize(use.input), R"({"x":1})");
  EXPECT_EQ(answer->stop_reason, StopReason::tool_use);
  EXPECT_EQ(answer->usage.input_tokens, 10);
}

std::string choice(std::string_view members) {
  return fmt::format(R"({{"id":"c","choices":[{{{}}}]}})", members);
}

TEST(OpenAiAnswer, StopReasons) {
  using enum StopReason;
  struct Row {
    std::string_view members;
    StopReason expected;
  };
  for (
      const Row& row : {
          Row{R"("finish_reason":"stop","message":{"content":"a"})", end_turn},
          Row{R"("finish_reason":"stop","stop_reason":"END","message":{"content":"a"})",
              stop_sequence},
          Row{R"("finish_reason":"stop","stop_reason":128009,"message":{"content":"a"})", end_turn},
          Row{R"("finish_reason":"length","message":{"content":"a"})", max_tokens},
          Row{R"("finish_reason":"content_filter","message":{"content":""})", content_filtered},
          Row{R"("finish_reason":7,"message":{"content":"a"})", end_turn},
          Row{R"("finish_reason":"stop","message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":""}}]})",
              tool_use},
          Row{R"("finish_reason":"tool_calls","message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{x"}}]})",
              malformed_tool_use},
          Row{R"("finish_reason":"tool_calls","message":{"tool_calls":[{"id":"a","function":{"name":"no name","arguments":"{}"}}]})",
              malformed_tool_use},
      }) {
    const auto answer = parse_openai_answer(choice(row.members));
    ASSERT_TRUE(answer) << row.members;
    EXPECT_EQ(answer->stop_reason, row.expected) << row.members;
  }
}

TEST(OpenAiAnswer, ToolUseIdsThatConverseWouldRefuseAreReplaced) {
  const std::string body = choice(
      R"("message":{"tool_calls":[{"id":"a b","function":{"name":"f"}},{"function":{"name":"f"}}]})");
  const auto answer = parse_openai_answer(body);
  ASSERT_TRUE(answer);
  const std::string first = std::get<ToolUse>(answer->blocks[0]).id;
  const std::string second = std::get<ToolUse>(answer->blocks[1]).id;
  EXPECT_EQ(first.size(), 30u);
  EXPECT_TRUE(first.starts_with("tooluse_"));
  EXPECT_NE(first, second);
  EXPECT_EQ(first, std::get<ToolUse>(parse_openai_answer(body)->blocks[0]).id);
}

TEST(OpenAiAnswer, WhatIsNotOneIsAModelError) {
  for (const std::string_view body :
       {"", "null", "[]", "<html>", "{}", R"({"choices":[]})", R"({"choices":{}})",
        R"({"choices":[3]})", R"({"choices":[{"message":"x"}]})",
        R"({"error":{"code":500,"message":"x"}})", R"({"object":"error","message":"x","code":400})",
        R"({"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":3}}]}}]})"}) {
    const auto answer = parse_openai_answer(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().code, ErrorCode::model_error);
    EXPECT_EQ(answer.error().origin, Origin::backend);
  }
}

}  // namespace
}  // namespace tidegate::chat
