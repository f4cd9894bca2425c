// Request bodies of one format: what it understands can be asked of every kind of model server and
// told back in the format, whole and as a stream. Internal to the body_*.cpp targets.
#pragma once

#include "aws/event_stream.hpp"
#include "base/json.hpp"
#include "chat/format.hpp"
#include "chat/openai.hpp"
#include "chat/to_anthropic.hpp"
#include "chat/to_converse.hpp"
#include "fuzz.hpp"

namespace tidegate::fuzz {

inline const chat::AdditionalFields all_fields{.pass_all = true};

inline bool is_json(std::string_view text) {
  return json::parse(text).has_value();
}

inline void ask(const chat::Conversation& conversation) {
  if (const auto asked = chat::openai_request(conversation, "m", chat::Streaming::yes))
    CHECK(is_json(*asked));
  if (chat::check_to_anthropic(conversation)) {
    CHECK(is_json(chat::to_anthropic(conversation, "m", chat::Streaming::no)));
  }
  const std::string converse = chat::to_converse(conversation);
  CHECK(is_json(converse));
  // Bedrock behind us gets what was asked of us: once through our own reader and it no longer
  // changes.
  if (const auto read = chat::parse_converse(converse, all_fields)) {
    const std::string again = chat::to_converse(*read);
    const auto read_again = chat::parse_converse(again, all_fields);
    CHECK(read_again && chat::to_converse(*read_again) == again);
  }
}

inline void tell(const chat::Request& request, bool events) {
  chat::Completion completion;
  completion.blocks = {chat::Reasoning{"why"}, chat::Text{"text"},
                       chat::ToolUse{"id", "name", json::object{}}};
  CHECK(is_json(request.answer(completion, {}).body));
  const auto writer = request.stream();
  if (!writer) return;
  std::string out;
  for (const chat::Delta& delta : std::initializer_list<chat::Delta>{
           chat::TextDelta{"text"}, chat::ToolUseStart{"id", "name"}, chat::ToolUseDelta{"{}"},
           chat::Usage{1, 2, 3, 4}, chat::Stop{chat::StopReason::tool_use}}) {
    writer->write(out, delta);
  }
  writer->finish(out, {});
  if (!events) return;
  aws::EventStreamDecoder decoder;
  decoder.feed(out);
  while (const auto message = decoder.next()) {
    if (!*message) break;
  }
  CHECK(decoder.empty());
}

inline int body(std::string_view text, std::string_view operation, std::string_view model) {
  const auto format = chat::find_format(operation, model);
  CHECK(format.has_value());
  const auto request = (*format)->parse(
      text, {.model_id = model, .fields = all_fields, .request_id = "r", .padding_seed = 1});
  if (!request) {
    CHECK(request.error().origin == Origin::client && !request.error().message.empty());
    return 0;
  }
  if (const auto* conversation = (*request)->conversation()) {
    ask(*conversation);
    tell(**request, (*format)->stream_content_type().starts_with("application/vnd"));
  } else if (const auto* wanted = std::get_if<chat::EmbeddingRequest>(&(*request)->order())) {
    CHECK(is_json(chat::openai_embedding_request(*wanted, "m")));
    chat::Embeddings made;
    made.vectors.assign(wanted->texts.size(), {0.5F, -1.0F});
    CHECK(is_json((*request)->answer(made, {}).body));
  }
  return 0;
}

}  // namespace tidegate::fuzz
