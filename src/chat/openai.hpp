// OpenAI chat completions, as llama.cpp, vLLM, SGLang and Ollama speak it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "chat/conversation.hpp"

namespace tidegate::chat {

enum class Streaming : std::uint8_t { no, yes };

// Whether this API can carry the conversation. Errors: validation (an additional field that says
// again what the conversation says already, or that is the gateway's to decide).
Result<void> check_openai(const Conversation& conversation);
// The JSON body of POST /v1/chat/completions. Errors: those of check_openai.
Result<std::string> openai_request(const Conversation& conversation, std::string_view model,
                                   Streaming streaming);
// Errors: model_error (an answer that is not one).
Result<Completion> parse_openai_answer(std::string_view body);

// The bytes of a text/event-stream answer in, deltas out, as they arrive. Errors:
// model_stream_error; the deltas before the error are in `out`.
class OpenAiStreamReader {
 public:
  Result<void> feed(std::string_view bytes, std::vector<Delta>& out);
  // At the end of the body: takes a last line without its line end. Errors: the answer broke off,
  // that is, the model neither gave a reason to stop nor said [DONE].
  Result<void> finish(std::vector<Delta>& out);
  bool done() const { return done_; }        // "data: [DONE]" was seen
  bool stopped() const { return stopped_; }  // a finish_reason was seen
  // The event that said the server failed, as it came: to be classified, never shown.
  const std::string& error_event() const { return error_event_; }

 private:
  Result<void> on_line(std::string_view line, std::vector<Delta>& out);
  Result<void> on_event(std::string_view data, std::vector<Delta>& out);
  Result<void> on_choice(const json::object& choice, std::string_view answer_id,
                         std::vector<Delta>& out);
  Result<void> on_tool_call(const json::object& call, std::string_view answer_id,
                            std::vector<Delta>& out);
  boost::json::parser parser_;
  std::string buffer_;     // a line that has not ended yet
  std::string data_;       // the data lines of the event so far
  std::size_t lines_ = 0;  // how many
  std::string error_event_;
  bool done_ = false;
  bool stopped_ = false;
  std::int64_t tool_index_ = -1;
  std::string tool_id_;  // as the server named it
};

}  // namespace tidegate::chat
