// Anthropic's Messages, as InvokeModel carries them to Claude models and as the door
// /anthropic/v1/messages does. https://docs.anthropic.com/en/api/messages
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "chat/conversation.hpp"
#include "chat/converse.hpp"
#include "chat/invoke_stream.hpp"

namespace tidegate::chat {

enum class AnthropicDoor : std::uint8_t {
  invoke_model,  // anthropic_version in the body; the operation says model and stream
  messages,      // POST /v1/messages
  count_tokens,  // POST /v1/messages/count_tokens: no sampling
};

struct AnthropicRequest {
  std::string model;  // "" on invoke_model
  bool stream = false;
  Conversation conversation;
};

// Errors, of origin client: malformed_json, validation in Anthropic's words ("messages.0.role:
// Field required"). Members that no door knows are refused unless `fields` lets them through.
Result<AnthropicRequest> parse_anthropic(std::string_view body, AnthropicDoor door,
                                         const AdditionalFields& fields = {});

// What an answer calls itself. `model` as Anthropic names it or as the caller did.
struct AnthropicName {
  std::string id, model;
};
// "msg_bdrk_" or "msg_" and 24 characters that are the same for the same request.
std::string anthropic_message_id(AnthropicDoor door, std::string_view request_id);
// "anthropic.claude-sonnet-4-5-20250929-v1:0" -> "claude-sonnet-4-5-20250929".
std::string anthropic_model_name(std::string_view model_id);

std::string anthropic_answer(const Completion& completion, const AnthropicName& name);
std::string anthropic_token_count(std::int64_t input_tokens);

// Deltas in, chunks out, in Anthropic's order. How much went in is known only at the end, so
// message_start says 0 and message_delta the truth, which clients take over.
class AnthropicStreamWriter {
 public:
  AnthropicStreamWriter(StreamFraming framing, AnthropicName name)
      : framing_(std::move(framing)), name_(std::move(name)) {}
  void write(std::string& out, const Delta& delta);
  // message_delta and message_stop, last; call after Stop.
  void finish(std::string& out, const Timing& timing);
  bool begun() const { return begun_; }
  const Usage& usage() const { return usage_; }
  StopReason stop_reason() const { return stop_.reason; }

 private:
  enum class Kind : std::uint8_t { none, text, thinking, tool };
  void open_message(std::string& out);
  void enter_block(std::string& out, Kind kind, std::string_view content_block);
  void close_block(std::string& out);
  void write_delta(std::string& out, std::string_view before, std::string_view text);
  void begin_payload(std::string_view type);
  StreamFraming framing_;
  AnthropicName name_;
  bool begun_ = false;
  int block_ = -1;
  Kind kind_ = Kind::none;
  Stop stop_{StopReason::end_turn};
  Usage usage_;
  std::string payload_;  // of the chunk in the making; kept for its capacity
};

}  // namespace tidegate::chat
