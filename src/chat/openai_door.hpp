// OpenAI's API as a door for clients: chat completions, embeddings and the list of models. The
// other direction, towards model servers, is openai.hpp.
// https://platform.openai.com/docs/api-reference/chat
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "chat/conversation.hpp"
#include "chat/converse.hpp"
#include "chat/embedding.hpp"
#include "chat/invoke_stream.hpp"

namespace tidegate::chat {

struct ChatRequest {
  std::string model;
  bool stream = false;
  bool include_usage = false;  // a last chunk with the usage
  Conversation conversation;
};
// Errors, of origin client: malformed_json, validation in OpenAI's words, Error::why "<code>
// <param>". What OpenAI-compatible model servers take as it is (seed, penalties, logit_bias) goes
// into Conversation::additional; members that OpenAI does not know must be let through by `fields`.
Result<ChatRequest> parse_chat_completion(std::string_view body,
                                          const AdditionalFields& fields = {});

// What an answer calls itself.
struct ChatName {
  std::string id;  // "chatcmpl-.."
  std::string model;
  std::int64_t created = 0;  // seconds since 1970
};
std::string chat_completion_id(std::string_view request_id);

std::string chat_completion(const Completion& completion, const ChatName& name);

// Deltas in, chat.completion.chunk events out, and [DONE].
class ChatStreamWriter {
 public:
  ChatStreamWriter(const ChatName& name, bool include_usage);
  void write(std::string& out, const Delta& delta);
  // The usage, if it was asked for, and [DONE]; call after Stop.
  void finish(std::string& out);
  bool begun() const { return begun_; }
  const Usage& usage() const { return usage_; }
  StopReason stop_reason() const { return stop_reason_; }

 private:
  void begin(std::string& out);
  void write_chunk(std::string& out, std::string_view delta, std::string_view finish_reason);
  std::string head_;  // of every chunk, the same
  bool include_usage_;
  bool begun_ = false;
  int tool_ = -1;
  StopReason stop_reason_ = StopReason::end_turn;
  Usage usage_;
  std::string delta_;  // in the making; kept for its capacity
};

enum class EmbeddingEncoding : std::uint8_t { floats, base64 };
struct EmbeddingsRequest {
  std::string model;
  EmbeddingEncoding encoding = EmbeddingEncoding::floats;
  EmbeddingRequest order;
};
// Errors: as above.
Result<EmbeddingsRequest> parse_embeddings(std::string_view body);
std::string embeddings_answer(const Embeddings& embeddings, const EmbeddingsRequest& request);

struct ListedModel {
  std::string id, owned_by;
  std::int64_t created = 0;  // seconds since 1970
};
std::string model_object(const ListedModel& model);
std::string model_list(std::span<const ListedModel> models);

}  // namespace tidegate::chat
