// What translating costs: a request of 4 KB and its answer, and one streamed token.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "chat/anthropic_messages.hpp"
#include "chat/converse.hpp"
#include "chat/format.hpp"
#include "chat/nova.hpp"
#include "chat/openai.hpp"
#include "chat/openai_door.hpp"

namespace tidegate::chat {
namespace {

std::string converse_body(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes / 4)
    text += "The tide gate lets water flow between basins. \\\"Never past the shoreline.\\\"\\n";
  std::string messages;
  for (int i = 0; i < 4; ++i) {
    messages += fmt::format(R"({}{{"role":"{}","content":[{{"text":"{}"}}]}})", i == 0 ? "" : ",",
                            i % 2 == 0 ? "user" : "assistant", text);
  }
  return fmt::format(
      R"({{"messages":[{}],"system":[{{"text":"Be brief."}}],"inferenceConfig":{{"maxTokens":100,"temperature":0.5,"topP":0.9}},"additionalModelRequestFields":{{"inferenceConfig":{{"topK":20}}}}}})",
      messages);
}

const AdditionalFields nova{.allowed = {"/inferenceConfig/topK"}};

void translate_request(benchmark::State& state) {
  const std::string body = converse_body(4096);
  for (auto _ : state) {
    const auto conversation = parse_converse(body, nova);
    benchmark::DoNotOptimize(openai_request(*conversation, "smollm2", Streaming::no));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(translate_request);

void parse_request(benchmark::State& state) {
  const std::string body = converse_body(4096);
  for (auto _ : state) benchmark::DoNotOptimize(parse_converse(body, nova));
}
BENCHMARK(parse_request);

void parse_json_only(benchmark::State& state) {
  const std::string body = converse_body(4096);
  for (auto _ : state) benchmark::DoNotOptimize(json::parse(body));
}
BENCHMARK(parse_json_only);

void translate_answer(benchmark::State& state) {
  std::string text;
  while (text.size() < 512) text += "Water is let through. ";
  const std::string body = fmt::format(
      R"({{"choices":[{{"finish_reason":"stop","index":0,"message":{{"role":"assistant","content":"{}"}}}}],"created":1763800000,"model":"smollm2","system_fingerprint":"b1","object":"chat.completion","usage":{{"completion_tokens":4,"prompt_tokens":31,"total_tokens":35,"prompt_tokens_details":{{"cached_tokens":30}}}},"id":"chatcmpl-1"}})",
      text);
  for (auto _ : state) {
    benchmark::DoNotOptimize(converse_answer(*parse_openai_answer(body), Duration(1'000'000)));
  }
}
BENCHMARK(translate_answer);

void translate_token(benchmark::State& state) {
  constexpr std::string_view event =
      "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\" "
      "shoreline\"}}],"
      "\"created\":1763800000,\"id\":\"chatcmpl-aBcDeFgHiJkLmNoPqRsTuVwXyZ012345\",\"model\":"
      "\"smollm2\","
      "\"system_fingerprint\":\"b1-0123456\",\"object\":\"chat.completion.chunk\"}\n\n";
  OpenAiStreamReader reader;
  ConverseStreamWriter writer;
  std::vector<Delta> deltas;
  for (auto _ : state) {
    deltas.clear();
    std::string out;
    benchmark::DoNotOptimize(reader.feed(event, deltas));
    for (const Delta& delta : deltas) writer.write(out, delta);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(translate_token);

// One streamed token in the words of each other format: what is left beside the reader's part.
template <class Writer>
void write_token(benchmark::State& state, Writer writer) {
  const Delta token = TextDelta{" shoreline"};
  std::string out;
  writer.write(out, token);
  for (auto _ : state) {
    out.clear();
    writer.write(out, token);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK_CAPTURE(write_token, converse, ConverseStreamWriter());
BENCHMARK_CAPTURE(write_token, anthropic_sse,
                  AnthropicStreamWriter(StreamFraming::sse(), {"msg_1", "claude"}));
BENCHMARK_CAPTURE(write_token, anthropic_invoke,
                  AnthropicStreamWriter(StreamFraming::event_stream(1), {"msg_1", "claude"}));
BENCHMARK_CAPTURE(write_token, nova_invoke, NovaStreamWriter(StreamFraming::event_stream(1)));
BENCHMARK_CAPTURE(write_token, openai_sse, ChatStreamWriter({"chatcmpl-1", "m", 1}, true));

// A request of 4 KB in the words of each other format.
void parse_as(benchmark::State& state, std::string_view operation, std::string_view model_id,
              std::string_view members) {
  const std::string text(1000, 'x');
  std::string messages;
  for (int i = 0; i < 4; ++i) {
    messages += fmt::format(R"({}{{"role":"{}","content":{}}})", i == 0 ? "" : ",",
                            i % 2 == 0 ? "user" : "assistant",
                            operation == "InvokeModel" && model_id.starts_with("amazon")
                                ? fmt::format(R"([{{"text":"{}"}}])", text)
                                : fmt::format(R"("{}")", text));
  }
  const std::string body = fmt::format(R"({{{}"messages":[{}]}})", members, messages);
  const AdditionalFields none;
  const Format& format = **find_format(operation, model_id);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        format.parse(body, {.model_id = model_id, .fields = none, .request_id = "r"}));
  }
}
BENCHMARK_CAPTURE(parse_as, anthropic, "Messages", "m", R"("model":"m","max_tokens":9,)");
BENCHMARK_CAPTURE(parse_as, nova, "InvokeModel", "amazon.nova-lite-v1:0", "");
BENCHMARK_CAPTURE(parse_as, openai, "ChatCompletions", "m", R"("model":"m",)");

}  // namespace
}  // namespace tidegate::chat
