// application/vnd.amazon.eventstream: length-prefixed messages with typed headers and two CRC-32s.
// https://smithy.io/2.0/aws/amazon-eventstream.html
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace tidegate::aws {

struct EventHeader {
  struct Timestamp {
    std::int64_t millis;
    friend bool operator==(const Timestamp&, const Timestamp&) = default;
  };
  struct Uuid {
    std::array<std::uint8_t, 16> bytes;
    friend bool operator==(const Uuid&, const Uuid&) = default;
  };
  struct Blob {
    std::string bytes;
    friend bool operator==(const Blob&, const Blob&) = default;
  };
  using Value = std::variant<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, Blob,
                             std::string, Timestamp, Uuid>;
  std::string name;
  Value value;
};

struct EventMessage {
  std::vector<EventHeader> headers;
  std::string payload;
  std::optional<std::string_view> string_header(std::string_view name) const;
};

// Names of 1 to 255 bytes, values below 64 KiB: callers write constants and what a decoder gave
// them.
std::string encode_message(const EventMessage& message);
// The two that Bedrock sends; they append to `out`. Headers in AWS's order: :event-type,
// :content-type, :message-type.
void append_event(std::string& out, std::string_view event_type, std::string_view json_payload);
void append_exception(std::string& out, std::string_view exception_type,
                      std::string_view json_payload);

// Feed bytes, take whole messages. After an error it stays in error. Limits: payload 24 MiB,
// headers 128 KiB.
class EventStreamDecoder {
 public:
  void feed(std::string_view bytes);
  // nullopt: more bytes are needed. Errors: malformed lengths, checksums, header types, duplicate
  // headers.
  Result<std::optional<EventMessage>> next();
  // The bytes of all whole messages that are there, as they came, lengths and checksums checked:
  // what a proxy passes on unchanged. nullopt: more bytes are needed.
  Result<std::optional<std::string>> next_raw();
  bool empty() const {
    return at_ == buffer_.size();
  }  // at a message boundary with nothing pending

 private:
  Result<std::size_t> message_at(std::size_t offset);
  std::string buffer_;
  std::size_t at_ = 0;
  std::optional<Error> failed_;
};

}  // namespace tidegate::aws
