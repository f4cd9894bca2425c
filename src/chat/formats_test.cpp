// Every format through the one interface that runs them: parse, answer, stream, refuse.
#include <gtest/gtest.h>

#include "chat/format.hpp"

namespace tidegate::chat {
namespace {

struct Sample {
  std::string_view operation, model_id, body;
  bool streams;
};
constexpr Sample samples[] = {
    {"Converse", "meta.llama", R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})",
     false},
    {"ConverseStream", "meta.llama", R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})",
     true},
    {"InvokeModel", "anthropic.claude-3-haiku-20240307-v1:0",
     R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]})",
     false},
    {"InvokeModelWithResponseStream", "anthropic.claude-3-haiku-20240307-v1:0",
     R"({"anthropic_version":"2026-10-21","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]})",
     true},
    {"InvokeModel", "amazon.nova-2-lite-v1:0",
     R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})", false},
    {"InvokeModelWithResponseStream", "amazon.nova-lite-v1:0",
     R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})", true},
    {"Messages", "amazon.nova-2-lite-v1:0",
     R"({"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]})",
     true},
    {"ChatCompletions", "amazon.nova-2-lite-v1:0",
     R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})", false},
    {"ChatCompletions", "amazon.nova-2-lite-v1:0",
     R"({"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]})", true},
};

const AdditionalFields no_fields;
RequestContext context_of(std::string_view model_id) {
  return {.model_id = model_id, .fields = no_fields, .request_id = "r-1", .unix_seconds = 1};
}

TEST(Formats, ConversationsAreUnderstoodAndAnswered) {
  for (const Sample& sample : samples) {
    SCOPED_TRACE(sample.operation);
    const auto format = find_format(sample.operation, sample.model_id);
    ASSERT_TRUE(format);
    const auto request = (*format)->parse(sample.body, context_of(sample.model_id));
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ((*request)->streams(), sample.streams);
    const Conversation* conversation = (*request)->conversation();
    ASSERT_TRUE(conversation);
    EXPECT_EQ(std::get<Text>(conversation->messages.at(0).blocks.at(0)).text, "Hi");
    if (!sample.streams) {
      Completion completion;
      completion.blocks.emplace_back(Text{"Bonjour"});
      const WholeAnswer answer = (*request)->answer(completion, {});
      EXPECT_TRUE(json::parse(answer.body)) << answer.body;
      EXPECT_TRUE(answer.body.contains("Bonjour"));
      EXPECT_EQ(answer.headers.get("x-amzn-bedrock-output-token-count").has_value(),
                sample.operation == "InvokeModel");
      continue;
    }
    std::string out;
    const auto writer = (*request)->stream();
    writer->write(out, TextDelta{"Bonjour"});
    EXPECT_FALSE(out.empty());
    writer->write(out, Stop{StopReason::end_turn});
    writer->finish(out, {});
    const bool sse = (*format)->stream_content_type().starts_with("text/event-stream");
    EXPECT_EQ(out.contains("data: {"), sse);
    const std::size_t before = out.size();
    (*format)->append_error(out, {.code = ErrorCode::model_stream_error,
                                  .origin = Origin::backend,
                                  .message = "It broke.",
                                  .mend = {},
                                  .why = {}});
    EXPECT_EQ(out.substr(before).starts_with("event: error\ndata: {"), sse);
  }
}

TEST(Formats, EmbeddingsAreOrderedAndAnswered) {
  const std::pair<std::string_view, std::string_view> bodies[] = {
      {"InvokeModel", R"({"texts":["a"],"input_type":"search_query"})"},
      {"Embeddings", R"({"model":"m","input":"a"})"},
  };
  for (const auto& [operation, body] : bodies) {
    const auto format = find_format(operation, "cohere.embed-v4:0");
    ASSERT_TRUE(format);
    const auto request = (*format)->parse(body, context_of("cohere.embed-v4:0"));
    ASSERT_TRUE(request);
    EXPECT_EQ(std::get<EmbeddingRequest>((*request)->order()).texts.at(0), "a");
    const WholeAnswer answer =
        (*request)->answer(Embeddings{.vectors = {{0.5F}}, .input_tokens = 1}, {});
    EXPECT_TRUE(answer.body.contains("0.5")) << answer.body;
    EXPECT_FALSE((*request)->stream());
  }
}

TEST(Formats, TokensAreCountedAtTheDoor) {
  const auto format = find_format("MessagesCountTokens", "m");
  ASSERT_TRUE(format);
  const auto request = (*format)->parse(
      R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})", context_of("m"));
  ASSERT_TRUE(request);
  EXPECT_TRUE(std::holds_alternative<CountRequest>((*request)->order()));
  EXPECT_EQ((*request)->answer(std::int64_t{7}, {}).body, R"({"input_tokens":7})");
}

TEST(Formats, RefusedByName) {
  struct Row {
    std::string_view operation, model_id, message;
  };
  for (const Row& row : {
           Row{"InvokeModel", "meta.llama3-8b",
               "InvokeModel is not offered for the model meta.llama3-8b, whose body format is not "
               "known here."},
           Row{"InvokeModel", "amazon.nova-canvas-v1:0",
               "InvokeModel is not offered for the model amazon.nova-canvas-v1:0, whose body "
               "format is not known here."},
           Row{"InvokeModelWithResponseStream", "cohere.embed-v4:0",
               "The model is unsupported for streaming."},
           Row{"Converse", "cohere.embed-v4:0",
               "This action doesn't support the model that you provided. Try again with a "
               "supported text or chat model."},
           Row{"ApplyGuardrail", "m", "The operation ApplyGuardrail is not offered."},
       }) {
    const auto format = find_format(row.operation, row.model_id);
    ASSERT_FALSE(format);
    EXPECT_EQ(format.error().message, row.message);
  }
}

}  // namespace
}  // namespace tidegate::chat
