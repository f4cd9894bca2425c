// Bedrock's Converse and ConverseStream.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"
#include "chat/conversation.hpp"

namespace tidegate::chat {

// Which model-specific fields (additionalModelRequestFields) a model takes, as JSON pointers:
// "/inferenceConfig/topK". A pointer lets its whole subtree through.
struct AdditionalFields {
  bool pass_all = false;
  std::vector<std::string> allowed{};
};

// Everything that a server must check of a Converse body, because no SDK does. Errors, all of
// origin client: malformed_json (not JSON, or a member of another type), validation (AWS's words,
// naming the member).
Result<Conversation> parse_converse(std::string_view body, const AdditionalFields& fields);

// The JSON body of a Converse answer, members in AWS's (alphabetical) order. `latency` is
// metrics.latencyMs.
std::string converse_answer(const Completion& completion, Duration latency, Echo echo = {});

// Deltas in, event-stream messages out (appended to a string, whole messages only), in Bedrock's
// order.
class ConverseStreamWriter {
 public:
  // With a `padding_seed` every event carries `p`, text of random length that hides how long a
  // token was; the same seed pads alike.
  explicit ConverseStreamWriter(std::optional<std::uint64_t> padding_seed = {}) {
    if (padding_seed) padding_.emplace(*padding_seed);
  }
  void write(std::string& out, const Delta& delta);
  // The metadata event, last; call after Stop.
  void finish(std::string& out, Duration latency, Echo echo = {});
  bool begun() const { return begun_; }
  const Usage& usage() const { return usage_; }
  StopReason stop_reason() const { return stop_reason_; }

 private:
  enum class Kind : std::uint8_t { none, text, reasoning, tool };
  void open_message(std::string& out);
  void enter_block(std::string& out, Kind kind);
  void close_block(std::string& out);
  void start_tool(std::string& out, const ToolUseStart& start);
  void write_delta(std::string& out, std::string_view before, std::string_view text,
                   std::string_view after);
  void stop(std::string& out, const Stop& stop);
  void append_index();
  void append_padding();
  void append_p();
  bool begun_ = false;
  int block_ = -1;
  Kind kind_ = Kind::none;
  StopReason stop_reason_ = StopReason::end_turn;
  Usage usage_;
  std::string payload_;  // of the event in the making; kept for its capacity
  std::optional<SeededRng> padding_;
};

}  // namespace tidegate::chat
