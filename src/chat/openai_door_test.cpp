// OpenAI's API as a door: what is understood, in which words the rest is refused, and its answers
// byte for byte.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "chat/family_formats.hpp"
#include "chat/openai.hpp"
#include "chat/openai_door.hpp"

namespace tidegate::chat {
namespace {

std::string body(std::string_view members,
                 std::string_view messages = R"([{"role":"user","content":"Hi"}])") {
  return fmt::format(R"({{"model":"m","messages":{}{}{}}})", messages, members.empty() ? "" : ",",
                     members);
}

struct Refusal {
  std::string message, why;
};
Refusal refusal(std::string_view text) {
  const auto request = parse_chat_completion(text);
  if (request) return {"(accepted)", ""};
  EXPECT_EQ(request.error().origin, Origin::client);
  return {request.error().message, request.error().why};
}

std::string sent(std::string_view text) {
  const auto request = parse_chat_completion(text);
  if (!request) return request.error().message;
  auto out = openai_request(request->conversation, "m", Streaming::no);
  return out ? *out : out.error().message;
}

TEST(ChatCompletionRequest, ReachesTheModel) {
  struct Row {
    std::string text, expected;
  };
  for (
      const Row& row : {
          Row{body(""), R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})"},
          Row{body(
                  R"("max_completion_tokens":5,"temperature":1.5,"top_p":1,"stop":"END","seed":7,"presence_penalty":1,"logit_bias":{"50256":-100},"n":1,"user":"u","store":false,"logprobs":false,"reasoning_effort":"low")"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"temperature":1.5,"top_p":1,"stop":["END"],"reasoning_effort":"low","presence_penalty":1,"seed":7,"logit_bias":{"50256":-100}})"},
          Row{body(
                  "",
                  R"([{"role":"developer","content":"a"},{"role":"system","content":[{"type":"text","text":"b"}]},
             {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]}])"),
              R"({"model":"m","messages":[{"role":"system","content":"a\n\nb"},{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]})"},
          Row{body(
                  R"("tools":[{"type":"function","function":{"name":"f","strict":true}}],"tool_choice":"required","parallel_tool_calls":false)",
                  R"([{"role":"user","content":"go"},
             {"role":"assistant","content":null,"refusal":null,"annotations":[],"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"f","arguments":""}}]},
             {"role":"tool","tool_call_id":"b","content":"2"},{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"1"}]},
             {"role":"user","content":"and?"}])"),
              R"({"model":"m","messages":[{"role":"user","content":"go"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"b","content":"2"},{"role":"tool","tool_call_id":"a","content":"1"},{"role":"user","content":"and?"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}},"strict":true}}],"tool_choice":"required","parallel_tool_calls":false})"},
          Row{body(R"("response_format":{"type":"json_object"},"reasoning_effort":"none")"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"chat_template_kwargs":{"enable_thinking":false},"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},"strict":true}}})"},
          Row{body(
                  R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}})"),
              R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}}})"},
      }) {
    EXPECT_EQ(sent(row.text), row.expected);
  }
}

TEST(ChatCompletionRequest, ModelAndStream) {
  const auto request = parse_chat_completion(
      body(R"("stream":true,"stream_options":{"include_usage":true},"metadata":{"team":"a"})"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "m");
  EXPECT_TRUE(request->stream);
  EXPECT_TRUE(request->include_usage);
  EXPECT_EQ(json::serialize(request->conversation.request_metadata), R"({"team":"a"})");
}

TEST(ChatCompletionRequest, Refusals) {
  struct Row {
    std::string_view members, message, why;
  };
  for (const Row& row : {
           Row{R"("foo":1)", "Unknown parameter: 'foo'.", "unknown_parameter foo"},
           Row{R"("n":2)", "Unsupported parameter: 'n' is not supported with this model.",
               "invalid_value n"},
           Row{R"("logprobs":true)",
               "Unsupported parameter: 'logprobs' is not supported with this model.",
               "invalid_value logprobs"},
           Row{R"("functions":[{}])",
               "Unsupported parameter: 'functions' is not supported with this model.",
               "invalid_value functions"},
           Row{R"("max_tokens":0)",
               "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got "
               "0 instead.",
               "integer_below_min_value max_tokens"},
           Row{R"("max_tokens":1,"max_completion_tokens":1)",
               "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not "
               "supported.",
               "invalid_value max_tokens"},
           Row{R"("temperature":2.5)",
               "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got "
               "2.5 instead.",
               "decimal_above_max_value temperature"},
           Row{R"("stop":["a","b","c","d","e"])",
               "Invalid 'stop': array too long. Expected an array with maximum length 4, but got "
               "an array with length 5 instead.",
               "array_above_max_length stop"},
           Row{R"("seed":"x")",
               "Invalid type for 'seed': expected an integer, but got a string instead.",
               "invalid_type seed"},
           Row{R"("tool_choice":"auto")",
               "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
               "specified.",
               "invalid_value tool_choice"},
           Row{R"("tools":[{"type":"custom"}])",
               "Unsupported value: 'custom' is not supported with this model. Supported values "
               "are: 'function'.",
               "invalid_value tools[0].type"},
           Row{R"("stream_options":{"include_usage":true})",
               "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
               "invalid_value stream_options"},
           Row{R"("service_tier":"priority")",
               "Unsupported parameter: 'service_tier' is not supported with this model.",
               "invalid_value service_tier"},
           Row{R"("response_format":{"type":"xml"})",
               "Invalid value: 'xml'. Supported values are: 'text', 'json_object' or "
               "'json_schema'.",
               "invalid_value response_format.type"},
       }) {
    const Refusal refused = refusal(body(row.members));
    EXPECT_EQ(refused.message, row.message);
    EXPECT_EQ(refused.why, row.why);
  }
  EXPECT_EQ(refusal(R"({"model":"m"})").message, "Missing required parameter: 'messages'.");
  EXPECT_EQ(refusal(R"({"messages":[]})").message, "Missing required parameter: 'model'.");
}

TEST(ChatCompletionRequest, RefusalsInMessages) {
  struct Row {
    std::string_view messages, message;
  };
  for (
      const Row& row : {
          Row{"[]",
              "Invalid 'messages': empty array. Expected an array with minimum length 1, but got "
              "an empty array instead."},
          Row{R"([{"role":"robot","content":"x"}])",
              "Invalid value: 'robot'. Supported values are: 'system', 'developer', 'user', "
              "'assistant' or 'tool'."},
          Row{R"([{"role":"user"}])", "Missing required parameter: 'messages[0].content'."},
          Row{R"([{"role":"user","content":5}])",
              "Invalid type for 'messages[0].content': expected a string, but got an integer "
              "instead."},
          Row{R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}])",
              "Invalid 'messages[0].content[0].image_url.url': expected a data URL of an image."},
          Row{R"([{"role":"user","content":[{"type":"input_audio"}]}])",
              "Unsupported value: 'input_audio' is not supported with this model."},
          Row{R"([{"role":"tool","tool_call_id":"a","content":"x"}])",
              "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
              "message with 'tool_calls'."},
          Row{R"([{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"user","content":"x"}])",
              "An assistant message with 'tool_calls' must be followed by tool messages "
              "responding to each 'tool_call_id'. The following tool_call_ids did not have "
              "response messages: a"},
          Row{R"([{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"[]"}}]}])",
              "Invalid 'messages[0].tool_calls[0].function.arguments': expected a JSON object as "
              "a string."},
          Row{R"([{"role":"assistant"}])", "Missing required parameter: 'messages[0].content'."},
      }) {
    EXPECT_EQ(refusal(body("", row.messages)).message, row.message);
  }
}

const ChatName name{.id = "chatcmpl-1", .model = "m", .created = 1763800000};

Completion completion() {
  Completion out;
  out.blocks.emplace_back(Reasoning{"hm"});
  out.blocks.emplace_back(Text{"Hi \"there\"\n"});
  out.blocks.emplace_back(ToolUse{"t1", "f", json::parse(R"({"a":1})").value()});
  out.stop_reason = StopReason::tool_use;
  out.usage = {.input_tokens = 16, .output_tokens = 9, .cache_read_tokens = 3};
  return out;
}

TEST(ChatCompletionAnswer, MembersInTheirOrder) {
  EXPECT_EQ(
      chat_completion(completion(), name),
      R"({"id":"chatcmpl-1","object":"chat.completion","created":1763800000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \"there\"\n","reasoning_content":"hm","tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}],"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":19,"completion_tokens":9,"total_tokens":28,"prompt_tokens_details":{"cached_tokens":3}},"service_tier":"default","system_fingerprint":null})");
}

TEST(ChatCompletionAnswer, IsWhatAnOpenAiClientReadsBack) {
  const auto read = parse_openai_answer(chat_completion(completion(), name));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<Text>(read->blocks[1]).text, "Hi \"there\"\n");
  EXPECT_EQ(std::get<ToolUse>(read->blocks[2]).id, "t1");
  EXPECT_EQ(read->stop_reason, StopReason::tool_use);
  EXPECT_EQ(read->usage.input_tokens, 16);
  EXPECT_EQ(read->usage.cache_read_tokens, 3);
}

const std::vector<Delta> deltas = {
    ReasoningDelta{"hm"},       TextDelta{"Hel"},
    ToolUseStart{"t1", "f"},    ToolUseDelta{"{}"},
    ToolUseStart{"t2", "g"},    Usage{.input_tokens = 15, .output_tokens = 2},
    Stop{StopReason::tool_use},
};

std::string streamed(bool include_usage) {
  ChatStreamWriter writer(name, include_usage);
  std::string out;
  for (const Delta& delta : deltas) writer.write(out, delta);
  writer.finish(out);
  return out;
}

TEST(ChatCompletionStream, ChunksAndDone) {
  std::string expected;
  const auto chunk = [&](std::string_view delta, std::string_view reason) {
    expected += fmt::format(
        R"(data: {{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763800000,"model":"m","service_tier":"default","system_fingerprint":null,"choices":[{{"index":0,"delta":{{{}}},"logprobs":null,"finish_reason":{}}}]}})"
        "\n\n",
        delta, reason);
  };
  chunk(R"("role":"assistant","content":"","refusal":null)", "null");
  chunk(R"("reasoning_content":"hm")", "null");
  chunk(R"("content":"Hel")", "null");
  chunk(
      R"("tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}])",
      "null");
  chunk(R"("tool_calls":[{"index":0,"function":{"arguments":"{}"}}])", "null");
  chunk(
      R"("tool_calls":[{"index":1,"id":"t2","type":"function","function":{"name":"g","arguments":""}}])",
      "null");
  chunk("", R"("tool_calls")");
  EXPECT_EQ(streamed(false), expected + "data: [DONE]\n\n");
}

TEST(ChatCompletionStream, UsageOnlyIfAskedFor) {
  const std::string out = streamed(true);
  EXPECT_TRUE(out.contains(R"("finish_reason":null}],"usage":null})"));
  EXPECT_TRUE(out.ends_with(
      "\"choices\":[],\"usage\":{\"prompt_tokens\":15,\"completion_tokens\":2,\"total_tokens\":17,"
      "\"prompt_tokens_details\":{\"cached_tokens\":0}}}\n\ndata: [DONE]\n\n"));
}

TEST(ChatCompletionStream, IsWhatAnOpenAiClientReadsBack) {
  OpenAiStreamReader reader;
  std::vector<Delta> read;
  ASSERT_TRUE(reader.feed(streamed(true), read));
  ASSERT_TRUE(reader.finish(read));
  std::string text;
  int tools = 0;
  for (const Delta& delta : read) {
    if (const auto* piece = std::get_if<TextDelta>(&delta)) text += piece->text;
    tools += std::holds_alternative<ToolUseStart>(delta) ? 1 : 0;
  }
  EXPECT_EQ(text, "Hel");
  EXPECT_EQ(tools, 2);
  EXPECT_TRUE(reader.done());
}

TEST(Embeddings, Requests) {
  const auto one = parse_embeddings(R"({"model":"m","input":"a","encoding_format":"base64"})");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->order.texts, std::vector<std::string>{"a"});
  EXPECT_EQ(one->encoding, EmbeddingEncoding::base64);
  const auto two = parse_embeddings(R"({"model":"m","input":["a","b"],"dimensions":256})");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->order.texts.size(), 2u);
  EXPECT_EQ(two->order.dimensions, 256);
  struct Row {
    std::string_view text, message;
  };
  for (const Row& row : {
           Row{R"({"model":"m"})", "Missing required parameter: 'input'."},
           Row{R"({"model":"m","input":""})",
               "Invalid 'input': empty string. Expected a string with minimum length 1, but got an "
               "empty string instead."},
           Row{R"({"model":"m","input":[1,2]})",
               "Invalid 'input': tokens are not supported with this model."},
           Row{R"({"model":"m","input":[[1]]})",
               "Invalid 'input': tokens are not supported with this model."},
           Row{R"({"model":"m","input":"a","encoding_format":"int8"})",
               "Invalid value: 'int8'. Supported values are: 'float' or 'base64'."},
       }) {
    const auto request = parse_embeddings(row.text);
    ASSERT_FALSE(request) << row.text;
    EXPECT_EQ(request.error().message, row.message);
  }
}

TEST(Embeddings, Answers) {
  const Embeddings embeddings{.vectors = {{0.1F, -2}, {1, 3e-5F}}, .input_tokens = 7};
  EmbeddingsRequest request{.model = "m", .order = {}};
  EXPECT_EQ(
      embeddings_answer(embeddings, request),
      R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2]},{"object":"embedding","index":1,"embedding":[1,3e-05]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}})");
  request.encoding = EmbeddingEncoding::base64;
  EXPECT_TRUE(
      embeddings_answer(embeddings, request).contains(R"("index":0,"embedding":"zczMPQAAAMA=")"));
  const auto read =
      parse_openai_embeddings(embeddings_answer(embeddings, {.model = "m", .order = {}}), 2);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->vectors, embeddings.vectors);
}

TEST(Models, ListAndObject) {
  const ListedModel models[] = {{"eu.amazon.nova-2-lite-v1:0", "Amazon"}, {"b", "B"}};
  EXPECT_EQ(
      model_list(models),
      R"({"object":"list","data":[{"id":"eu.amazon.nova-2-lite-v1:0","object":"model","created":0,"owned_by":"Amazon"},{"id":"b","object":"model","created":0,"owned_by":"B"}]})");
}

TEST(ModelInBody, IsFoundWhereverItStands) {
  struct Row {
    std::string_view text, expected;
  };
  for (const Row& row : {
           Row{R"({"model":"m"})", "m"},
           Row{R"({"messages":[{"model":"inner"}],"x":{"model":"y"},"model":"m\u0041"})", "mA"},
           Row{R"({"model":"m","then":broken)", "m"},  // said by whoever reads the rest
           Row{R"({"messages":[]})", "Missing required parameter: 'model'."},
           Row{R"({"model":5})",
               "Invalid type for 'model': expected a string, but got an integer instead."},
           Row{R"({"model":""})",
               "Invalid 'model': empty string. Expected a string with minimum length 1, but got an "
               "empty string instead."},
           Row{R"([{"model":"m"}])",
               "Invalid type for '': expected an object, but got an array instead."},
       }) {
    const auto model = model_in_body(row.text, aws::Protocol::openai);
    EXPECT_EQ(model ? *model : model.error().message, row.expected) << row.text;
  }
}

}  // namespace
}  // namespace tidegate::chat
