// Amazon Nova's own bodies (messages-v1), as InvokeModel carries them: Converse's shapes with other
// names around them.
// https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "chat/conversation.hpp"
#include "chat/converse.hpp"
#include "chat/invoke_stream.hpp"

namespace tidegate::chat {

// Errors, of origin client: malformed_json, validation: in the words of AWS's schema check for what
// is Nova's, in Converse's for what is Converse's.
Result<Conversation> parse_nova(std::string_view body, const AdditionalFields& fields = {});

std::string nova_answer(const Completion& completion);

// Deltas in, `chunk` events out. The last says usage and invocation metrics.
class NovaStreamWriter {
 public:
  explicit NovaStreamWriter(StreamFraming framing) : framing_(std::move(framing)) {}
  void write(std::string& out, const Delta& delta);
  void finish(std::string& out, const Timing& timing);
  bool begun() const { return begun_; }
  const Usage& usage() const { return usage_; }
  StopReason stop_reason() const { return stop_reason_; }

 private:
  enum class Kind : std::uint8_t { none, text, reasoning, tool };
  void open_message(std::string& out);
  void enter_block(std::string& out, Kind kind);
  void close_block(std::string& out);
  void write_delta(std::string& out, std::string_view before, std::string_view text,
                   std::string_view after);
  void send(std::string& out) { framing_.append(out, {}, payload_); }
  StreamFraming framing_;
  bool begun_ = false;
  int block_ = -1;
  Kind kind_ = Kind::none;
  StopReason stop_reason_ = StopReason::end_turn;
  Usage usage_;
  std::string payload_;  // of the chunk in the making; kept for its capacity
};

}  // namespace tidegate::chat
