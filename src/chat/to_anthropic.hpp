// Model servers that speak Anthropic's Messages: Anthropic itself, llama.cpp, vLLM.
// https://docs.anthropic.com/en/api/messages
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "chat/openai.hpp"
#include "chat/sse.hpp"
#include "chat/stream_reader.hpp"

namespace tidegate::chat {

// Whether this API can carry the conversation. Errors: validation.
Result<void> check_to_anthropic(const Conversation& conversation);
// The JSON body of POST /v1/messages. The caller has checked the conversation.
std::string to_anthropic(const Conversation& conversation, std::string_view model,
                         Streaming streaming);
// Of POST /v1/messages/count_tokens: the same without what only sampling needs.
std::string to_anthropic_count(const Conversation& conversation, std::string_view model);
// Errors: model_error (an answer that is not one).
Result<Completion> from_anthropic(std::string_view body, std::span<const std::string> paths = {});

// A streamed answer. Errors: model_stream_error.
class AnthropicStreamReader final : public StreamReader {
 public:
  explicit AnthropicStreamReader(std::span<const std::string> paths = {}) : paths_(paths) {}
  Result<void> feed(std::string_view bytes, std::vector<Delta>& out) override;
  Result<void> finish(std::vector<Delta>& out) override;
  bool done() const override { return done_; }  // message_stop was seen
  const std::string& error_event() const override { return error_event_; }

 private:
  Result<void> on_event(std::string_view data, std::vector<Delta>& out);
  Result<void> on_block_start(const json::object& event, std::vector<Delta>& out);
  Result<void> on_block_delta(const json::object& event, std::vector<Delta>& out);
  void on_message_delta(const json::value& event, std::vector<Delta>& out);
  std::span<const std::string> paths_;
  SseReader events_;
  std::string error_event_;
  Usage usage_;
  bool in_tool_ = false;
  bool stopped_ = false;
  bool done_ = false;
};

}  // namespace tidegate::chat
