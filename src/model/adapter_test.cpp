// What each kind of model server is sent, and what its answers become; end to end through the
// executor, with recorded answers in the shapes of the servers' documentation.
#include "model/adapter.hpp"

#include <gtest/gtest.h>

#include "aws/event_stream.hpp"
#include "model/executor.hpp"
#include "model/fake_client.hpp"

namespace tidegate::model {
namespace {

constexpr std::string_view model_id = "anthropic.claude-haiku-4-5-20251001-v1:0";
constexpr std::string_view hello =
    R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":9}})";

BackendConfig backend_of(BackendKind kind) {
  BackendConfig out;
  out.name = "b";
  out.kind = kind;
  out.host = "127.0.0.1";
  out.port = 8801;
  out.api_key = "key";
  out.region = "eu-south-1";
  return out;
}

// One executor with one back-end, asked once.
class Asked {
 public:
  Asked(BackendConfig config, std::string served_as, Script script, std::string_view operation,
        std::string_view body) {
    config.slots = 1;
    ModelConfig model{.model_id = std::string(model_id),
                      .backend = "b",
                      .served_as = std::move(served_as),
                      .name = "really",
                      .additional_fields = {.pass_all = true}};
    auto models = std::make_shared<ModelMap>(std::vector{std::move(config)}, std::vector{model});
    LocalExecutor executor(loop_, models, [this](const BackendConfig&) {
      auto client = std::make_unique<ScriptedClient>(loop_);
      client_ = client.get();
      return client;
    });
    client_->play(std::move(script));
    bool done = false;
    spawn(run(executor, operation, body, done));
    loop_.run_while_not([&] { return done; }, 1000s);
    for (const auto& asked : client_->asked()) requests.push_back(asked);
  }
  std::vector<ScriptedClient::Asked> requests;
  Attempt attempt;
  RecordingExchange exchange;
  std::string written() const {
    std::string out;
    for (const std::string& piece : exchange.writes) out += piece;
    return out + attempt.answer_tail;
  }

 private:
  Task<void> run(LocalExecutor& executor, std::string_view operation, std::string_view body,
                 bool& done) {
    attempt = co_await executor.execute(exchange,
                                        {.format = *chat::find_format(operation, model_id),
                                         .model_id = model_id,
                                         .body = body,
                                         .request_id = "r",
                                         .traceparent = "00-trace"},
                                        {});
    done = true;
  }
  VirtualLoop loop_;
  ScriptedClient* client_ = nullptr;
};

std::vector<std::string> events(std::string_view bytes) {
  aws::EventStreamDecoder decoder;
  decoder.feed(bytes);
  std::vector<std::string> out;
  for (;;) {
    auto message = decoder.next();
    if (!message || !*message) break;
    out.emplace_back((*message)->string_header(":event-type").value_or("?"));
  }
  return out;
}

const std::vector<std::string> whole_stream{"messageStart", "contentBlockDelta", "contentBlockStop",
                                            "messageStop", "metadata"};

TEST(Anthropic, IsAskedInItsOwnWords) {
  const Asked asked(
      backend_of(BackendKind::anthropic), "claude-haiku-4-5",
      {.pieces =
           {R"({"type":"message","content":[{"type":"text","text":"Ciao"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}})"}},
      "Converse", hello);
  ASSERT_TRUE(asked.attempt.ok()) << asked.attempt.error->message;
  EXPECT_TRUE(asked.attempt.answer_tail.contains(R"("text":"Ciao")"));
  const auto& request = asked.requests.at(0);
  EXPECT_EQ(request.request.target, "/v1/messages");
  EXPECT_EQ(request.request.headers.get("x-api-key"), "key");
  EXPECT_EQ(request.request.headers.get("anthropic-version"), "2023-06-01");
  EXPECT_EQ(request.request.headers.get("authorization"), std::nullopt);
  EXPECT_EQ(request.request.headers.get("traceparent"), "00-trace");
  EXPECT_EQ(
      request.body,
      R"({"model":"claude-haiku-4-5","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"max_tokens":9})");
}

TEST(Anthropic, StreamsAndCounts) {
  const Asked streamed(
      backend_of(BackendKind::anthropic), "claude",
      {.pieces = {"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{"
                  "\"input_tokens\":3}}}\n\n",
                  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{"
                  "\"type\":\"text_delta\",\"text\":\"Ciao\"}}\n\n",
                  "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                  "\"usage\":{\"output_tokens\":2}}\n\ndata: {\"type\":\"message_stop\"}\n\n"}},
      "ConverseStream", hello);
  ASSERT_TRUE(streamed.attempt.ok()) << streamed.attempt.error->message;
  EXPECT_EQ(events(streamed.written()), whole_stream);
  EXPECT_EQ(streamed.attempt.usage.total(), 5);
  const Asked counted(
      backend_of(BackendKind::anthropic), "claude", {.pieces = {R"({"input_tokens":8})"}},
      "CountTokens",
      R"({"input":{"converse":{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}}})");
  ASSERT_TRUE(counted.attempt.ok()) << counted.attempt.error->message;
  EXPECT_EQ(counted.attempt.answer_tail, R"({"inputTokens":8})");
  EXPECT_EQ(counted.requests.at(0).request.target, "/v1/messages/count_tokens");
}

TEST(Anthropic, FailuresAreClassified) {
  struct Row {
    int status;
    std::string_view body;
    ErrorCode code;
  };
  for (
      const Row& row :
      {Row{529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
           ErrorCode::model_not_ready},
       Row{429, R"({"type":"error","error":{"type":"rate_limit_error","message":"slow"}})",
           ErrorCode::throttled},
       Row{400,
           R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}})",
           ErrorCode::validation},
       Row{500, "{}", ErrorCode::model_unavailable},
       Row{401, R"({"type":"error","error":{"type":"authentication_error"}})",
           ErrorCode::model_error}}) {
    const Asked asked(backend_of(BackendKind::anthropic), "claude",
                      {.status = row.status, .pieces = {std::string(row.body)}}, "Converse", hello);
    ASSERT_FALSE(asked.attempt.ok());
    EXPECT_EQ(asked.attempt.error->code, row.code) << row.status;
  }
}

BackendConfig bedrock() {
  BackendConfig out = backend_of(BackendKind::bedrock);
  out.api_key.clear();
  out.credentials = {"AKIDEXAMPLE", "secret", "a-token"};
  out.host = "bedrock-runtime.eu-south-1.amazonaws.com";
  out.port = 443;
  out.tls = true;
  return out;
}

TEST(Bedrock, IsAskedAsAnSdkWould) {
  const Asked asked(
      bedrock(), "anthropic.claude-haiku-4-5-20251001-v1:0",
      {.pieces =
           {R"({"output":{"message":{"role":"assistant","content":[{"text":"Ciao"}]}},"stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{"latencyMs":4}})"}},
      "Converse", hello);
  ASSERT_TRUE(asked.attempt.ok()) << asked.attempt.error->message;
  EXPECT_EQ(asked.attempt.usage.total(), 5);
  const auto& request = asked.requests.at(0);
  EXPECT_EQ(request.request.target, "/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/converse");
  EXPECT_EQ(
      request.body,
      R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":9}})");
  // The same signature as over the head that the client writes.
  http::RequestHead head{.method = "POST",
                         .target = request.request.target,
                         .authority = {},
                         .headers = {{"content-type", "application/json"},
                                     {"host", "bedrock-runtime.eu-south-1.amazonaws.com"}}};
  const auto date = aws::parse_amz_date(*request.request.headers.get("x-amz-date"));
  ASSERT_TRUE(date);
  aws::sign(head, request.body, bedrock().credentials, "eu-south-1", "bedrock", *date);
  EXPECT_EQ(request.request.headers.get("x-amz-security-token"), "a-token");
  EXPECT_EQ(request.request.headers.get("authorization"), head.headers.get("authorization"));
}

TEST(Bedrock, Streams) {
  std::string stream;
  chat::ConverseStreamWriter writer(7);
  writer.write(stream, chat::TextDelta{"Ciao"});
  writer.write(stream, chat::Stop{chat::StopReason::end_turn});
  writer.write(stream, chat::Usage{3, 2, 0, 0});
  writer.finish(stream, Duration(0));
  const std::size_t half = stream.size() / 2;
  const Asked asked(bedrock(), "anthropic.claude",
                    {.pieces = {stream.substr(0, half), stream.substr(half)}}, "ConverseStream",
                    hello);
  ASSERT_TRUE(asked.attempt.ok()) << asked.attempt.error->message;
  EXPECT_EQ(events(asked.written()), whole_stream);
  EXPECT_EQ(asked.attempt.usage.total(), 5);
  EXPECT_EQ(asked.requests.at(0).request.target, "/model/anthropic.claude/converse-stream");
  std::string throttled;
  aws::append_exception(throttled, "throttlingException", R"({"message":"slow"})");
  const Asked refused(bedrock(), "anthropic.claude", {.pieces = {throttled}}, "ConverseStream",
                      hello);
  ASSERT_FALSE(refused.attempt.ok());
  EXPECT_EQ(refused.attempt.error->code, ErrorCode::throttled);
  EXPECT_EQ(refused.attempt.error->retry, Retry::other_region);
}

TEST(Bedrock, IsNeverAskedForWhatAwsWouldRouteOnwards) {
  for (const std::string_view id :
       {"eu.anthropic.claude", "us-gov.anthropic.claude", "apac.amazon.nova-lite-v1:0",
        "global.anthropic.claude", "jp.anthropic.claude",
        "arn:aws:bedrock:eu-south-1::foundation-model/amazon.nova-lite-v1:0"}) {
    EXPECT_FALSE(is_in_region_model(id)) << id;
    const Asked asked(bedrock(), std::string(id), {}, "Converse", hello);
    ASSERT_FALSE(asked.attempt.ok()) << id;
    EXPECT_EQ(asked.attempt.error->code, ErrorCode::configuration) << id;
    EXPECT_TRUE(asked.requests.empty()) << id;
  }
  for (const std::string_view id : {"amazon.nova-2-lite-v1:0", "ai21.jamba-1-5-large-v1:0",
                                    "deepseek.v3.2", "zai.glm-4.7", "openai.gpt-oss-20b-1:0"}) {
    EXPECT_TRUE(is_in_region_model(id)) << id;
  }
}

constexpr std::string_view forced =
    R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"any":{}}}})";

TEST(OpenAi, ToolsAreOfferedAsTheServerCan) {
  const Script native{
      .pieces = {
          R"({"id":"c","choices":[{"finish_reason":"tool_calls","message":{"tool_calls":[{"id":"t1","function":{"name":"f","arguments":"{\"a\":1}"}}]}}]})"}};
  const Script as_text{
      .pieces = {
          R"({"id":"c","choices":[{"finish_reason":"stop","message":{"content":"{\"a\":1}"}}]})"}};
  for (const Tools tools : {Tools::native, Tools::schema}) {
    BackendConfig config = backend_of(BackendKind::openai);
    config.tools = tools;
    const Asked asked(config, "m", tools == Tools::native ? native : as_text, "Converse", forced);
    ASSERT_TRUE(asked.attempt.ok()) << asked.attempt.error->message;
    EXPECT_EQ(asked.attempt.stop_reason, "tool_use");
    EXPECT_TRUE(asked.attempt.answer_tail.contains(R"("toolUse":{"input":{"a":1},"name":"f")"))
        << asked.attempt.answer_tail;
    EXPECT_EQ(asked.requests.at(0).body.contains("response_format"), tools == Tools::schema);
  }
  BackendConfig config = backend_of(BackendKind::openai);
  config.tools = Tools::none;
  const Asked refused(config, "m", {}, "Converse", forced);
  ASSERT_FALSE(refused.attempt.ok());
  EXPECT_EQ(refused.attempt.error->message, "This model doesn't support tool use.");
  EXPECT_TRUE(refused.requests.empty());
}

TEST(OpenAi, EmbedsForEveryFormat) {
  const Script vectors{
      .pieces = {
          R"({"object":"list","data":[{"index":1,"embedding":[0.5,-1]},{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":6,"total_tokens":6}})"}};
  const Asked asked(backend_of(BackendKind::openai), "minilm", vectors, "Embeddings",
                    R"({"model":"x","input":["a","b"]})");
  ASSERT_TRUE(asked.attempt.ok()) << asked.attempt.error->message;
  EXPECT_EQ(asked.requests.at(0).request.target, "/v1/embeddings");
  EXPECT_EQ(asked.requests.at(0).body,
            R"({"model":"minilm","input":["a","b"],"encoding_format":"float"})");
  EXPECT_TRUE(asked.attempt.answer_tail.contains(R"("embedding":[1,2])"))
      << asked.attempt.answer_tail;
  EXPECT_EQ(asked.attempt.usage.input_tokens, 6);
  // One vector too few, and a server that has none.
  const Asked short_of_one(backend_of(BackendKind::openai), "minilm",
                           {.pieces = {R"({"data":[{"index":0,"embedding":[1,2]}]})"}},
                           "Embeddings", R"({"model":"x","input":["a","b"]})");
  ASSERT_FALSE(short_of_one.attempt.ok());
  EXPECT_EQ(short_of_one.attempt.error->code, ErrorCode::model_error);
  const Asked none(backend_of(BackendKind::anthropic), "claude", {}, "Embeddings",
                   R"({"model":"x","input":"a"})");
  ASSERT_FALSE(none.attempt.ok());
  EXPECT_EQ(none.attempt.error->message, "This model doesn't support embeddings.");
}

TEST(OpenAi, InvokeModelSaysInHeadersWhatItUsed) {
  const Asked asked(
      backend_of(BackendKind::openai), "m",
      {.pieces =
           {R"({"choices":[{"finish_reason":"stop","message":{"content":"Ciao"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}})"}},
      "InvokeModel",
      R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]})");
  ASSERT_TRUE(asked.attempt.ok()) << asked.attempt.error->message;
  EXPECT_EQ(asked.attempt.answer_head.headers.get("x-amzn-bedrock-output-token-count"), "2");
  EXPECT_TRUE(asked.attempt.answer_tail.contains(R"({"type":"text","text":"Ciao"})"));
  const Asked streamed(
      backend_of(BackendKind::openai), "m",
      {.pieces = {"data: {\"choices\":[{\"delta\":{\"content\":\"Ciao\"}}]}\n\n",
                  "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"}},
      "InvokeModelWithResponseStream",
      R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]})");
  ASSERT_TRUE(streamed.attempt.ok()) << streamed.attempt.error->message;
  for (const std::string& type : events(streamed.written())) EXPECT_EQ(type, "chunk");
  EXPECT_EQ(streamed.exchange.answer.headers.get("x-amzn-bedrock-content-type"),
            "application/json");
}

TEST(OpenAi, FieldsOfTheServersAnswerComeBack) {
  const std::string body =
      R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}],"additionalModelResponseFieldPaths":["/timings/cache_n","/none"]})";
  const Asked asked(
      backend_of(BackendKind::openai), "m",
      {.pieces =
           {R"({"choices":[{"finish_reason":"stop","message":{"content":"x"}}],"timings":{"cache_n":4,"prompt_n":1}})"}},
      "Converse", body);
  ASSERT_TRUE(asked.attempt.ok()) << asked.attempt.error->message;
  EXPECT_TRUE(asked.attempt.answer_tail.starts_with(
      R"({"additionalModelResponseFields":{"timings":{"cache_n":4}},"metrics")"))
      << asked.attempt.answer_tail;
}

}  // namespace
}  // namespace tidegate::model
