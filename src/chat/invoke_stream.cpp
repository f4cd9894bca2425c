#include "chat/invoke_stream.hpp"

#include "aws/event_stream.hpp"
#include "base/bytes.hpp"

namespace tidegate::chat {

void add_invocation_headers(http::Headers& out, const Usage& usage, Duration latency) {
  const auto add = [&](std::string_view name, std::int64_t value) {
    out.add(fmt::format("x-amzn-bedrock-{}", name), std::to_string(value));
  };
  add("input-token-count", usage.input_tokens);
  add("output-token-count", usage.output_tokens);
  add("invocation-latency", millis(latency));
  if (usage.cache_read_tokens > 0) add("cache-read-input-token-count", usage.cache_read_tokens);
  if (usage.cache_write_tokens > 0) add("cache-write-input-token-count", usage.cache_write_tokens);
}

void append_invocation_metrics(std::string& out, const Usage& usage, const Timing& timing) {
  fmt::format_to(std::back_inserter(out),
                 R"(,"amazon-bedrock-invocationMetrics":{{"inputTokenCount":{},)"
                 R"("outputTokenCount":{},"invocationLatency":{},"firstByteLatency":{},)"
                 R"("cacheReadInputTokenCount":{},"cacheWriteInputTokenCount":{}}})",
                 usage.input_tokens, usage.output_tokens, millis(timing.latency),
                 millis(timing.first_byte), usage.cache_read_tokens, usage.cache_write_tokens);
}

StreamFraming StreamFraming::event_stream(std::optional<std::uint64_t> padding_seed) {
  StreamFraming out;
  out.invocation_ = true;
  if (padding_seed) out.padding_.emplace(*padding_seed);
  return out;
}

void StreamFraming::append(std::string& out, std::string_view event, std::string_view json) {
  if (!invocation_) {
    if (!event.empty()) out.append("event: ").append(event).append("\n");
    out.append("data: ").append(json).append("\n\n");
    return;
  }
  static constexpr std::string_view alphabet =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  payload_ = R"({"bytes":")";
  payload_ += to_base64(json);
  payload_ += '"';
  if (padding_) {
    payload_ += R"(,"p":")";
    payload_ += alphabet.substr(0, 1 + padding_->below(alphabet.size()));
    payload_ += '"';
  }
  payload_ += '}';
  aws::append_event(out, "chunk", payload_);
}

}  // namespace tidegate::chat
