// How answers travel that are not Converse's: `chunk` events of InvokeModelWithResponseStream,
// server-sent events of the other doors, and the headers that say what InvokeModel used.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "chat/conversation.hpp"
#include "http/message.hpp"

namespace tidegate::chat {

// What a whole answer took, and its first byte.
struct Timing {
  Duration latency{}, first_byte{};
};

// X-Amzn-Bedrock-Input-Token-Count and its siblings, on an InvokeModel answer.
void add_invocation_headers(http::Headers& out, const Usage& usage, Duration latency);

// `,"amazon-bedrock-invocationMetrics":{..}`: closes the last chunk of every family.
void append_invocation_metrics(std::string& out, const Usage& usage, const Timing& timing);

// One JSON document of a model's stream on its way: `event` names it where the wire has names.
class StreamFraming {
 public:
  // "event: <event>\ndata: <json>\n\n"; an empty event has no name line.
  static StreamFraming sse() { return StreamFraming(); }
  // {"bytes":"<base64>","p":".."} in an event-stream message of the type chunk. `p`, where there is
  // a seed, hides how long a token was; the same seed pads alike.
  static StreamFraming event_stream(std::optional<std::uint64_t> padding_seed = {});

  void append(std::string& out, std::string_view event, std::string_view json);
  // Whether these are InvokeModelWithResponseStream's frames, which end with invocation metrics.
  bool is_invocation() const { return invocation_; }

 private:
  StreamFraming() = default;
  bool invocation_ = false;
  std::optional<SeededRng> padding_;
  std::string payload_;  // kept for its capacity
};

}  // namespace tidegate::chat
