// Bedrock's Converse and ConverseStream.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"
#include "chat/conversation.hpp"

namespace tidegate::chat {

// Which model-specific fields (additionalModelRequestFields) a model takes, as JSON pointers: "/inferenceConfig/topK".
struct AdditionalFields {
  bool pass_all = false;
  std::vector<std::string> allowed;
};

// Errors: malformed_json, validation (AWS's words, and what the member was).
Result<Conversation> parse_converse(std::string_view body, const AdditionalFields& fields);

// The JSON body of a Converse answer. `latency` is metrics.latencyMs.
std::string converse_answer(const Completion& completion, Duration latency);

// Deltas in, event-stream messages out (appended to a string, whole messages only), in Bedrock's order.
class ConverseStreamWriter {
 public:
  void write(std::string& out, const Delta& delta);
  // The metadata event, last; call after Stop.
  void finish(std::string& out, Duration latency);
  bool begun() const { return begun_; }
  const Usage& usage() const { return usage_; }
  StopReason stop_reason() const { return stop_reason_; }

 private:
  void open_message(std::string& out);
  void close_block(std::string& out);
  bool begun_ = false;
  int block_ = -1;
  enum class Kind : std::uint8_t { none, text, reasoning, tool } kind_ = Kind::none;
  StopReason stop_reason_ = StopReason::end_turn;
  Usage usage_;
};

}  // namespace tidegate::chat
