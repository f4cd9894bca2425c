// What the formats of InvokeModel's families have in common: the headers that say what was used,
// and the frames of their streams.
#pragma once

#include "chat/format.hpp"

namespace tidegate::chat {

// An answer with X-Amzn-Bedrock-Input-Token-Count and its siblings.
inline WholeAnswer invocation_answer(std::string body, const Usage& usage, const Timing& timing) {
  WholeAnswer out{std::move(body)};
  add_invocation_headers(out.headers, usage, timing.latency);
  return out;
}

class InvokeFormat : public Format {
 public:
  http::Headers stream_headers() const override {
    return {{"x-amzn-bedrock-content-type", "application/json"}};
  }
};

}  // namespace tidegate::chat
