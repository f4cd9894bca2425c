// OpenAI chat completions, as llama.cpp, vLLM, SGLang and Ollama speak it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "chat/conversation.hpp"

namespace tidegate::chat {

enum class Streaming : std::uint8_t { no, yes };

// The JSON body of POST /v1/chat/completions. Errors: validation (a block that this API cannot carry).
Result<std::string> openai_request(const Conversation& conversation, std::string_view model, Streaming streaming);
// Errors: model_error (an answer that is not one).
Result<Completion> parse_openai_answer(std::string_view body);

// The bytes of a text/event-stream answer in, deltas out. Errors: model_stream_error.
class OpenAiStreamReader {
 public:
  Result<std::vector<Delta>> feed(std::string_view bytes);
  bool done() const { return done_; }        // "data: [DONE]" was seen

 private:
  Result<void> on_event(std::string_view data, std::vector<Delta>& out);
  std::string buffer_;
  bool done_ = false;
  bool stopped_ = false;
  int tool_index_ = -1;
};

}  // namespace tidegate::chat
