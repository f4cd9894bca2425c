// OpenAI chat completions, as llama.cpp, vLLM, SGLang and Ollama speak it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "chat/conversation.hpp"
#include "chat/embedding.hpp"
#include "chat/sse.hpp"
#include "chat/stream_reader.hpp"

namespace tidegate::chat {

enum class Streaming : std::uint8_t { no, yes };

// Whether this API can carry the conversation. Errors: validation (an additional field that says
// again what the conversation says already, or that is the gateway's to decide).
Result<void> check_openai(const Conversation& conversation);
// The JSON body of POST /v1/chat/completions. Errors: those of check_openai.
Result<std::string> openai_request(const Conversation& conversation, std::string_view model,
                                   Streaming streaming);
// `paths`: see Conversation::response_paths. Errors: model_error (an answer that is not one).
Result<Completion> parse_openai_answer(std::string_view body,
                                       std::span<const std::string> paths = {});

// The body of POST /v1/embeddings, and its answer. Errors: model_error.
std::string openai_embedding_request(const EmbeddingRequest& request, std::string_view model);
Result<Embeddings> parse_openai_embeddings(std::string_view body, std::size_t texts);

// A streamed answer. Errors: model_stream_error.
class OpenAiStreamReader final : public StreamReader {
 public:
  explicit OpenAiStreamReader(std::span<const std::string> paths = {}) : paths_(paths) {}
  Result<void> feed(std::string_view bytes, std::vector<Delta>& out) override;
  Result<void> finish(std::vector<Delta>& out) override;
  bool done() const override { return done_; }  // "data: [DONE]" was seen
  bool stopped() const { return stopped_; }     // a finish_reason was seen
  const std::string& error_event() const override { return error_event_; }

 private:
  Result<void> on_event(std::string_view data, std::vector<Delta>& out);
  Result<void> on_choice(const json::value& chunk, const json::object& choice,
                         std::vector<Delta>& out);
  Result<void> on_tool_call(const json::object& call, std::string_view answer_id,
                            std::vector<Delta>& out);
  std::span<const std::string> paths_;
  boost::json::parser parser_;
  SseReader events_;
  std::string error_event_;
  bool done_ = false;
  bool stopped_ = false;
  std::int64_t tool_index_ = -1;
  std::string tool_id_;  // as the server named it
};

}  // namespace tidegate::chat
