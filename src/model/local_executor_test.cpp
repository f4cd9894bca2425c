// One request against a scripted model server, in virtual time: what the client gets, what the
// server was asked, and what each failure becomes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aws/event_stream.hpp"
#include "base/limits.hpp"
#include "model/executor.hpp"
#include "model/fake_client.hpp"

namespace tidegate::model {
namespace {

constexpr std::string_view hello =
    R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":9}})";

constexpr std::string_view whole_answer =
    R"({"id":"c","choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"Ciao"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}})";

std::string event(std::string_view json) {
  return fmt::format("data: {}\n\n", json);
}
std::string token(std::string_view text) {
  return event(
      fmt::format(R"({{"choices":[{{"delta":{{"content":"{}"}},"finish_reason":null}}]}})", text));
}
const std::string role = event(R"({"choices":[{"delta":{"role":"assistant","content":null}}]})");
const std::string stop = event(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})");
const std::string usage =
    event(R"({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}})");
const std::string done = event("[DONE]");

std::string told(std::string_view bytes) {
  aws::EventStreamDecoder decoder;
  decoder.feed(bytes);
  std::string out;
  for (;;) {
    auto message = decoder.next();
    if (!message || !*message) break;
    out += std::string((*message)->string_header(":event-type").value_or("?")) + " ";
  }
  EXPECT_TRUE(decoder.empty()) << "only whole messages may be written";
  return out;
}

class LocalExecution : public testing::Test {
 protected:
  LocalExecution() {
    BackendConfig backend;
    backend.name = "llama";
    backend.base_path = "/prefix";
    backend.api_key = "key";
    ModelConfig model;
    model.model_id = "amazon.nova-2-lite-v1:0";
    model.backend = "llama";
    model.served_as = "smollm2";
    model.name = "smollm2-135m-instruct";
    models_ = std::make_shared<ModelMap>(std::vector{backend}, std::vector{model});
    models_->backends()[0]->set_health(Health::up);
    executor_ = std::make_unique<LocalExecutor>(loop_, models_, [this](const BackendConfig&) {
      auto client = std::make_unique<ScriptedClient>(loop_);
      client_ = client.get();
      return client;
    });
  }

  Attempt run(std::string_view operation, std::string_view body = hello,
              std::string_view model = "amazon.nova-2-lite-v1:0") {
    std::optional<Attempt> out;
    spawn(execute(operation, model, body, out));
    loop_.run_while_not([&] { return out.has_value(); }, 1000s);
    EXPECT_TRUE(out.has_value());
    return out ? *std::move(out) : Attempt{};
  }
  Task<void> execute(std::string_view operation, std::string_view model, std::string_view body,
                     std::optional<Attempt>& out) {
    out = co_await executor_->execute(*exchange_,
                                      {.format = *chat::find_format(operation, model),
                                       .model_id = model,
                                       .body = body,
                                       .request_id = "r",
                                       .traceparent = "00-trace"},
                                      {{"x-tidegate-model", "m"}});
  }
  bool check(std::string_view body, std::string_view model = "amazon.nova-2-lite-v1:0") const {
    return executor_->check(**chat::find_format("Converse", model), model, body, "r").has_value();
  }
  std::string written() const {
    std::string out;
    for (const std::string& piece : exchange_->writes) out += piece;
    return out;
  }
  bool healthy() const { return models_->backends()[0]->healthy(); }

  VirtualLoop loop_;
  std::optional<RecordingExchange> exchange_{std::in_place};
  ScriptedClient* client_ = nullptr;
  std::shared_ptr<ModelMap> models_;
  std::unique_ptr<LocalExecutor> executor_;
};

TEST_F(LocalExecution, AWholeAnswerIsKeptBack) {
  client_->play(
      {.delay = 40ms,
       .pieces = {std::string(whole_answer.substr(0, 50)), std::string(whole_answer.substr(50))}});
  const Attempt attempt = run("Converse");
  ASSERT_TRUE(attempt.ok()) << attempt.error->message;
  EXPECT_EQ(attempt.model_name, "smollm2-135m-instruct");
  EXPECT_EQ(attempt.stop_reason, "end_turn");
  EXPECT_EQ(attempt.usage.input_tokens, 3);
  EXPECT_EQ(
      attempt.answer_tail,
      R"({"metrics":{"latencyMs":40},"output":{"message":{"content":[{"text":"Ciao"}],"role":"assistant"}},"stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}})");
  EXPECT_EQ(attempt.answer_head.status, 200);
  EXPECT_EQ(attempt.answer_head.headers.get("content-type"), "application/json");
  EXPECT_EQ(attempt.answer_head.headers.get("x-tidegate-model"), "m");
  EXPECT_EQ(attempt.bytes_received, static_cast<std::int64_t>(attempt.answer_tail.size()));
  EXPECT_EQ(attempt.first_byte - attempt.started, 40ms);
  EXPECT_FALSE(exchange_->begun());
  EXPECT_EQ(client_->aborted(), 0) << "the connection can be kept";
}

TEST_F(LocalExecution, AsksTheServerAsConfigured) {
  client_->play({.pieces = {std::string(whole_answer)}});
  const Attempt attempt = run("Converse");
  const auto& asked = client_->asked().at(0);
  EXPECT_EQ(asked.request.method, "POST");
  EXPECT_EQ(asked.request.target, "/prefix/v1/chat/completions");
  EXPECT_EQ(asked.request.headers.get("content-type"), "application/json");
  EXPECT_EQ(asked.request.headers.get("authorization"), "Bearer key");
  EXPECT_EQ(asked.request.headers.get("traceparent"), "00-trace");
  EXPECT_EQ(asked.body,
            R"({"model":"smollm2","messages":[{"role":"user","content":"Hi"}],"max_tokens":9})");
  EXPECT_EQ(attempt.bytes_sent, static_cast<std::int64_t>(asked.body.size()));
  EXPECT_EQ(asked.timeouts.first_byte, limits::backend_answer_timeout);
}

TEST_F(LocalExecution, AStreamBeginsWithItsFirstToken) {
  client_->play({.delay = 5ms,
                 .pieces = {role, token("Ci"), token("ao") + stop, usage + done},
                 .between = 10ms});
  const Attempt attempt = run("ConverseStream");
  ASSERT_TRUE(attempt.ok()) << attempt.error->message;
  EXPECT_EQ(exchange_->answer.headers.get("content-type"), "application/vnd.amazon.eventstream");
  EXPECT_EQ(exchange_->answer.headers.get("x-tidegate-model"), "m");
  EXPECT_EQ(attempt.first_byte - attempt.started, 25ms) << "not the role, the first token";
  EXPECT_EQ(exchange_->writes.size(), 2u);
  EXPECT_EQ(told(written()), "messageStart contentBlockDelta contentBlockDelta ");
  EXPECT_EQ(told(attempt.answer_tail), "contentBlockStop messageStop metadata ");
  EXPECT_NE(attempt.answer_tail.find(R"("totalTokens":5)"), std::string::npos);
  EXPECT_EQ(attempt.usage.output_tokens, 2);
  EXPECT_EQ(attempt.bytes_received,
            static_cast<std::int64_t>(written().size() + attempt.answer_tail.size()));
  EXPECT_EQ(client_->aborted(), 0);
}

TEST_F(LocalExecution, AFullContextIsToldFromALimitThatWasAskedFor) {
  const std::string length = event(R"({"choices":[{"delta":{},"finish_reason":"length"}]})");
  client_->play({.pieces = {token("a") + length + usage + done}});
  EXPECT_EQ(run("ConverseStream").stop_reason, "model_context_window_exceeded");
}

TEST_F(LocalExecution, AStreamThatCutsAfterItsEndHasAnswered) {
  client_->play({.pieces = {token("a") + stop + done, fail(broken_connection())}});
  const Attempt attempt = run("ConverseStream");
  EXPECT_TRUE(attempt.ok());
  EXPECT_EQ(told(attempt.answer_tail), "contentBlockStop messageStop metadata ");
}

struct Failing {
  std::string_view what;
  std::string_view operation;
  Script script;
  ErrorCode code;
  Retry retry;
  bool begun = false, healthy = true;
};

TEST_F(LocalExecution, Failures) {
  using enum ErrorCode;
  constexpr std::string_view whole = "Converse";
  constexpr std::string_view stream = "ConverseStream";
  const Result<std::string> cut = fail(broken_connection());
  for (const Failing& f : {
           Failing{"nobody listens",
                   whole,
                   {.head_error = broken_connection()},
                   model_unavailable,
                   Retry::other_region,
                   false,
                   false},
           Failing{"no head in time",
                   stream,
                   {.delay = limits::backend_first_byte_timeout, .head_error = broken_connection()},
                   model_timeout,
                   Retry::other_region},
           Failing{"an error of the server",
                   whole,
                   {.status = 500},
                   model_unavailable,
                   Retry::other_region},
           Failing{
               "loading its model", whole, {.status = 503}, model_not_ready, Retry::other_region},
           Failing{"too long",
                   stream,
                   {.status = 400, .pieces = {R"({"error":{"type":"exceed_context_size_error"}})"}},
                   validation,
                   Retry::never},
           Failing{"not found", whole, {.status = 404}, model_error, Retry::never},
           Failing{"a whole answer cut short",
                   whole,
                   {.pieces = {"{", cut}},
                   model_unavailable,
                   Retry::other_region},
           Failing{
               "not an answer", whole, {.pieces = {"<html>"}}, model_error, Retry::other_region},
           Failing{"a stream cut before its first token",
                   stream,
                   {.pieces = {role, cut}},
                   model_unavailable,
                   Retry::other_region},
           Failing{"an error before the first token",
                   stream,
                   {.pieces = {role + event(R"({"error":{"code":500}})")}},
                   model_unavailable,
                   Retry::other_region},
           Failing{
               "too long, told in the stream",
               stream,
               {.pieces = {event(R"({"error":{"code":400,"type":"exceed_context_size_error"}})")}},
               validation,
               Retry::never},
           Failing{"an end before the first token",
                   stream,
                   {.pieces = {role}},
                   model_error,
                   Retry::other_region},
           Failing{"a stream cut after its first token",
                   stream,
                   {.pieces = {token("a"), cut}},
                   model_stream_error,
                   Retry::never,
                   true},
           Failing{"an error after the first token",
                   stream,
                   {.pieces = {token("a"), event(R"({"error":{"code":503}})")}},
                   model_stream_error,
                   Retry::never,
                   true},
           Failing{"both in one piece",
                   stream,
                   {.pieces = {token("a") + event(R"({"error":{"code":503}})")}},
                   model_stream_error,
                   Retry::never,
                   true},
           Failing{"a stream that just ends",
                   stream,
                   {.pieces = {token("a")}},
                   model_stream_error,
                   Retry::never,
                   true},
       }) {
    exchange_.emplace();
    models_->backends()[0]->set_health(Health::up);
    client_->play(f.script);
    const Attempt attempt = run(f.operation);
    ASSERT_FALSE(attempt.ok()) << f.what;
    EXPECT_EQ(name_of(attempt.error->code), name_of(f.code))
        << f.what << ": " << attempt.error->why;
    EXPECT_EQ(attempt.error->retry, f.retry) << f.what;
    EXPECT_EQ(exchange_->begun(), f.begun) << f.what;
    EXPECT_EQ(healthy(), f.healthy) << f.what;
    EXPECT_TRUE(attempt.answer_tail.empty()) << f.what;
    EXPECT_EQ(attempt.model_name, "smollm2-135m-instruct") << f.what;
    if (f.begun) EXPECT_EQ(told(written()), "messageStart contentBlockDelta ") << f.what;
  }
}

TEST_F(LocalExecution, ARequestThatNeverLeftIsSentOnceMore) {
  client_->play({.head_error = broken_connection(Retry::same_region)});
  client_->play({.pieces = {std::string(whole_answer)}});
  EXPECT_TRUE(run("Converse").ok());
  client_->play({.head_error = broken_connection(Retry::same_region)});
  client_->play({.head_error = broken_connection(Retry::same_region)});
  EXPECT_FALSE(run("Converse").ok());
  EXPECT_EQ(client_->asked().size(), 4u);
}

TEST_F(LocalExecution, WhenTheClientLeavesTheServerStops) {
  client_->play({.pieces = {token("a"), token("b"), token("c")}, .between = 10ms});
  loop_.call_at(loop_.now() + 15ms, [this] { exchange_->cancellation().request(); });
  const Attempt attempt = run("ConverseStream");
  ASSERT_FALSE(attempt.ok());
  EXPECT_EQ(attempt.error->code, ErrorCode::cancelled);
  EXPECT_EQ(exchange_->writes.size(), 1u);
  EXPECT_EQ(client_->aborted(), 1);
}

TEST_F(LocalExecution, BadRequestsNeverReachTheServer) {
  const Attempt bad = run("Converse", R"({"messages":[]})");
  EXPECT_EQ(bad.error->code, ErrorCode::validation);
  EXPECT_EQ(bad.error->origin, Origin::client);
  EXPECT_EQ(run("Converse", "{").error->code, ErrorCode::malformed_json);
  EXPECT_EQ(run("Converse", hello, "other").error->code, ErrorCode::model_unavailable);
  EXPECT_TRUE(client_->asked().empty());
}

TEST_F(LocalExecution, ChecksWithoutRunning) {
  const std::string extra =
      R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}],"additionalModelRequestFields":{"seed":1}})";
  EXPECT_TRUE(check(hello));
  EXPECT_FALSE(check(extra));
  EXPECT_TRUE(check(extra, "runs.elsewhere")) << "its own Region knows";
  EXPECT_FALSE(check("{}", "runs.elsewhere"));
  EXPECT_TRUE(client_->asked().empty());
}

TEST_F(LocalExecution, ProbesTellHealthAndLoad) {
  const Script metrics{
      .pieces = {"llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n"}};
  const Script slots{
      .pieces = {R"([{"id":0,"is_processing":true},{"id":1,"is_processing":false}])"}};
  const Script none{.status = 404};
  struct Row {
    std::string_view what;
    std::vector<Script> scripts;
    bool healthy;
    std::optional<std::uint32_t> running = {}, waiting = {};
    std::vector<std::string_view> asked;
  };
  for (const Row& row : {
           Row{"metrics", {{.pieces = {"ok"}}, metrics}, true, 1, 2, {"/health", "/metrics"}},
           Row{"loading its model", {{.status = 503}}, false, {}, {}, {"/health"}},
           Row{"slots only", {none, none, slots}, true, 1, {}, {"/health", "/metrics", "/slots"}},
           Row{"slots again", {none, slots}, true, 1, {}, {"/health", "/slots"}},
           Row{"nobody there", {{.head_error = broken_connection()}}, false, {}, {}, {"/health"}},
           Row{"slow", {{.delay = 900ms}, none}, true, {}, {}, {"/health", "/slots"}},
           Row{"no load told any more", {{}}, true, {}, {}, {"/health"}},
       }) {
    const std::size_t before = client_->asked().size();
    for (const Script& script : row.scripts) client_->play(script);
    bool finished = false;
    spawn([](LocalExecutor& executor, bool& out) -> Task<void> {
      co_await executor.probe();
      out = true;
    }(*executor_, finished));
    ASSERT_TRUE(loop_.run_while_not([&] { return finished; }, 10s));
    EXPECT_EQ(healthy(), row.healthy) << row.what;
    EXPECT_EQ(models_->backends()[0]->load().running, row.running) << row.what;
    EXPECT_EQ(models_->backends()[0]->load().waiting, row.waiting) << row.what;
    std::vector<std::string> asked;
    for (std::size_t i = before; i < client_->asked().size(); ++i) {
      asked.push_back(client_->asked()[i].request.target.substr(7));  // "/prefix"
    }
    EXPECT_EQ(asked, std::vector<std::string>(row.asked.begin(), row.asked.end())) << row.what;
  }
}

TEST_F(LocalExecution, CountsTokensWhereTheServerCan) {
  const std::string body =
      R"({"input":{"converse":{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}}})";
  client_->play({.pieces = {R"({"input_tokens":7})"}});
  const Attempt counted = run("CountTokens", body);
  ASSERT_TRUE(counted.ok()) << counted.error->message;
  EXPECT_EQ(counted.answer_tail, R"({"inputTokens":7})");
  client_->play({.status = 404});
  client_->play({.pieces = {R"({"prompt":"<s>Hi"})"}});
  client_->play({.pieces = {R"({"tokens":[1,2,3]})"}});
  EXPECT_EQ(run("CountTokens", body).answer_tail, R"({"inputTokens":3})");
  EXPECT_EQ(client_->asked().back().request.target, "/prefix/tokenize");
  client_->play({.status = 404});
  client_->play({.status = 404});
  const Attempt refused = run("CountTokens", body);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error->code, ErrorCode::validation);
  EXPECT_EQ(refused.error->message, "The provided model doesn't support counting tokens.");
}

}  // namespace
}  // namespace tidegate::model
