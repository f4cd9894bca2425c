// Which format an operation on a model has: one row each, the first that fits.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "chat/converse_formats.hpp"
#include "chat/family_formats.hpp"

namespace tidegate::chat {
namespace {

// How the ids of a family's foundation models begin.
using Family = std::span<const std::string_view>;
constexpr std::string_view any[] = {""};
constexpr std::string_view claude[] = {"anthropic."};
constexpr std::string_view cohere_embed[] = {"cohere.embed"};
// Nova's other models (Canvas, Reel, Sonic, embeddings) have bodies of their own.
constexpr std::string_view nova[] = {"amazon.nova-micro",   "amazon.nova-lite",
                                     "amazon.nova-pro",     "amazon.nova-premier",
                                     "amazon.nova-2-lite-", "amazon.nova-2-pro-"};

struct Row {
  std::string_view operation;
  Family family;
  const Format& (*format)();  // null: these models have no such operation ...
  std::string_view words{};   // ... and AWS says so
};

constexpr std::string_view no_chat =
    "This action doesn't support the model that you provided. Try again with a supported text or "
    "chat model.";
constexpr std::string_view no_stream = "The model is unsupported for streaming.";

constexpr auto rows = std::to_array<Row>({
    {"Converse", cohere_embed, nullptr, no_chat},
    {"ConverseStream", cohere_embed, nullptr, no_chat},
    {"CountTokens", cohere_embed, nullptr, no_chat},
    {"ChatCompletions", cohere_embed, nullptr, no_chat},
    {"Messages", cohere_embed, nullptr, no_chat},
    {"MessagesCountTokens", cohere_embed, nullptr, no_chat},
    {"Converse", any, converse_format},
    {"ConverseStream", any, converse_stream_format},
    {"CountTokens", any, count_tokens_format},
    {"InvokeModel", claude, anthropic_invoke_format},
    {"InvokeModelWithResponseStream", claude, anthropic_invoke_stream_format},
    {"InvokeModel", nova, nova_invoke_format},
    {"InvokeModelWithResponseStream", nova, nova_invoke_stream_format},
    {"InvokeModel", cohere_embed, cohere_embed_format},
    {"InvokeModelWithResponseStream", cohere_embed, nullptr, no_stream},
    {"Messages", any, anthropic_messages_format},
    {"MessagesCountTokens", any, anthropic_count_tokens_format},
    {"ChatCompletions", any, chat_completions_format},
    {"Embeddings", any, embeddings_format},
});

std::unexpected<Error> refused(ErrorCode code, std::string message, std::string mend = {}) {
  return fail(Error{.code = code,
                    .origin = Origin::client,
                    .message = std::move(message),
                    .mend = std::move(mend),
                    .why = {}});
}

}  // namespace

Result<const Format*> find_format(std::string_view operation, std::string_view model_id) {
  for (const Row& row : rows) {
    const bool fits =
        row.operation == operation && std::ranges::any_of(row.family, [&](std::string_view prefix) {
          return model_id.starts_with(prefix);
        });
    if (!fits) continue;
    if (row.format) return &row.format();
    return refused(
        ErrorCode::validation, std::string(row.words),
        fmt::format("{} makes embeddings: use InvokeModel or /v1/embeddings.", model_id));
  }
  if (operation.starts_with("InvokeModel")) {
    return refused(ErrorCode::validation,
                   fmt::format("{} is not offered for the model {}, whose body format is not known "
                               "here.",
                               operation, model_id),
                   "Use Converse or ConverseStream, which serve every model.");
  }
  return refused(ErrorCode::operation_not_offered,
                 fmt::format("The operation {} is not offered.", operation));
}

}  // namespace tidegate::chat
