#include "aws/event_stream.hpp"

#include <zlib.h>

#include <bit>
#include <concepts>
#include <cstring>

#include "base/limits.hpp"

namespace tidegate::aws {
namespace {

constexpr std::size_t prelude_bytes = 12;  // total length, headers length, CRC of these two
constexpr std::size_t frame_bytes = prelude_bytes + 4;

enum class Type : std::uint8_t {
  yes,
  no,
  int8,
  int16,
  int32,
  int64,
  blob,
  string,
  timestamp,
  uuid
};

std::uint32_t crc(const char* data, std::size_t size) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(data), static_cast<uInt>(size)));
}

template <class I>
I big_endian(I value) {
  if constexpr (sizeof(I) > 1 && std::endian::native == std::endian::little) {
    value = std::byteswap(value);
  }
  return value;
}

template <std::integral I>
char* put(char* at, I value) {
  value = big_endian(value);
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

char* put(char* at, std::string_view bytes) {
  std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

template <class I>
I get(const char* at) {
  I value;
  std::memcpy(&value, at, sizeof value);
  return big_endian(value);
}

// The frame around `headers_size` bytes of headers and the payload; `write_headers` fills the
// former in.
template <class WriteHeaders>
void append_frame(std::string& out, std::size_t headers_size, std::string_view payload,
                  WriteHeaders write_headers) {
  const std::size_t total = frame_bytes + headers_size + payload.size();
  const std::size_t start = out.size();
  out.resize(start + total);
  char* const begin = out.data() + start;
  char* at = put(begin, static_cast<std::uint32_t>(total));
  at = put(at, static_cast<std::uint32_t>(headers_size));
  at = put(at, crc(begin, 8));
  at = put(write_headers(at), payload);
  put(at, crc(begin, total - 4));
}

struct ShortHeader {
  std::string_view name, value;
};

constexpr std::size_t encoded_size(const ShortHeader& header) {
  return 1 + header.name.size() + 1 + 2 + header.value.size();
}

char* put(char* at, const ShortHeader& header) {
  at = put(at, static_cast<std::uint8_t>(header.name.size()));
  at = put(at, header.name);
  at = put(at, static_cast<std::uint8_t>(Type::string));
  at = put(at, static_cast<std::uint16_t>(header.value.size()));
  return put(at, header.value);
}

void append_json_message(std::string& out, std::string_view type_header, std::string_view type,
                         std::string_view kind, std::string_view payload) {
  const ShortHeader headers[] = {
      {type_header, type}, {":content-type", "application/json"}, {":message-type", kind}};
  std::size_t size = 0;
  for (const auto& header : headers) size += encoded_size(header);
  append_frame(out, size, payload, [&](char* at) {
    for (const auto& header : headers) at = put(at, header);
    return at;
  });
}

void append_header(std::string& out, const EventHeader& header) {
  char scratch[16];
  const auto number = [&](Type type, auto value) {
    out += static_cast<char>(type);
    out.append(scratch, static_cast<std::size_t>(put(scratch, value) - scratch));
  };
  const auto bytes = [&](Type type, std::string_view value) {
    number(type, static_cast<std::uint16_t>(value.size()));
    out += value;
  };
  struct Visitor {
    decltype(number)& number_;
    decltype(bytes)& bytes_;
    std::string& out_;
    void operator()(bool v) const { out_ += static_cast<char>(v ? Type::yes : Type::no); }
    void operator()(std::int8_t v) const { number_(Type::int8, v); }
    void operator()(std::int16_t v) const { number_(Type::int16, v); }
    void operator()(std::int32_t v) const { number_(Type::int32, v); }
    void operator()(std::int64_t v) const { number_(Type::int64, v); }
    void operator()(const EventHeader::Blob& v) const { bytes_(Type::blob, v.bytes); }
    void operator()(const std::string& v) const { bytes_(Type::string, v); }
    void operator()(EventHeader::Timestamp v) const { number_(Type::timestamp, v.millis); }
    void operator()(const EventHeader::Uuid& v) const {
      out_ += static_cast<char>(Type::uuid);
      out_.append(reinterpret_cast<const char*>(v.bytes.data()), v.bytes.size());
    }
  };
  out += static_cast<char>(header.name.size());
  out += header.name;
  std::visit(Visitor{number, bytes, out}, header.value);
}

std::unexpected<Error> malformed(std::string why) {
  return fail(Error{.code = ErrorCode::validation,
                    .message = "The event stream is malformed: " + std::move(why) + ".",
                    .mend = {},
                    .why = {}});
}

// Reads one header's value of a given type from the front of `rest`; nullopt where it does not fit
// or is unknown.
std::optional<EventHeader::Value> take_value(std::uint8_t type, std::string_view& rest) {
  using Value = EventHeader::Value;
  std::optional<Value> out;
  const auto number = [&]<class I>(I) -> std::optional<I> {
    if (rest.size() < sizeof(I)) return std::nullopt;
    const I value = get<I>(rest.data());
    rest.remove_prefix(sizeof(I));
    return value;
  };
  const auto bytes = [&]() -> std::optional<std::string> {
    const auto size = number(std::uint16_t{});
    if (!size || rest.size() < *size) return std::nullopt;
    std::string value(rest.substr(0, *size));
    rest.remove_prefix(*size);
    return value;
  };
  switch (static_cast<Type>(type)) {
    case Type::yes:
      return Value(true);
    case Type::no:
      return Value(false);
    case Type::int8:
      if (auto v = number(std::int8_t{})) out.emplace(*v);
      return out;
    case Type::int16:
      if (auto v = number(std::int16_t{})) out.emplace(*v);
      return out;
    case Type::int32:
      if (auto v = number(std::int32_t{})) out.emplace(*v);
      return out;
    case Type::int64:
      if (auto v = number(std::int64_t{})) out.emplace(*v);
      return out;
    case Type::blob:
      if (auto v = bytes()) out.emplace(EventHeader::Blob{*std::move(v)});
      return out;
    case Type::string:
      if (auto v = bytes()) out.emplace(*std::move(v));
      return out;
    case Type::timestamp:
      if (auto v = number(std::int64_t{})) out.emplace(EventHeader::Timestamp{*v});
      return out;
    case Type::uuid: {
      EventHeader::Uuid uuid;
      if (rest.size() < uuid.bytes.size()) return out;
      std::memcpy(uuid.bytes.data(), rest.data(), uuid.bytes.size());
      rest.remove_prefix(uuid.bytes.size());
      return Value(uuid);
    }
  }
  return out;
}

Result<std::vector<EventHeader>> parse_headers(std::string_view rest) {
  std::vector<EventHeader> headers;
  while (!rest.empty()) {
    const std::size_t name_size = static_cast<std::uint8_t>(rest.front());
    if (name_size == 0 || rest.size() < 1 + name_size + 1) {
      return malformed("a header's name does not fit");
    }
    const std::string_view name = rest.substr(1, name_size);
    const auto type = static_cast<std::uint8_t>(rest[1 + name_size]);
    rest.remove_prefix(1 + name_size + 1);
    for (const EventHeader& header : headers) {
      if (header.name == name) return malformed("it has a header twice");
    }
    auto value = take_value(type, rest);
    if (!value) return malformed("a header's value does not fit or is of an unknown type");
    headers.push_back({std::string(name), *std::move(value)});
  }
  return headers;
}

}  // namespace

std::optional<std::string_view> EventMessage::string_header(std::string_view name) const {
  for (const EventHeader& header : headers) {
    if (header.name != name) continue;
    if (const auto* text = std::get_if<std::string>(&header.value)) return *text;
  }
  return std::nullopt;
}

std::string encode_message(const EventMessage& message) {
  std::string headers;
  for (const EventHeader& header : message.headers) append_header(headers, header);
  std::string out;
  append_frame(out, headers.size(), message.payload, [&](char* at) { return put(at, headers); });
  return out;
}

void append_event(std::string& out, std::string_view event_type, std::string_view json_payload) {
  append_json_message(out, ":event-type", event_type, "event", json_payload);
}

void append_exception(std::string& out, std::string_view exception_type,
                      std::string_view json_payload) {
  append_json_message(out, ":exception-type", exception_type, "exception", json_payload);
}

void EventStreamDecoder::feed(std::string_view bytes) {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  } else if (at_ > buffer_.size() / 2) {  // moves each byte at most once on average
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_ += bytes;
}

// The size of the whole, sound message at `offset`; 0 where more bytes are needed. The prelude is
// checked as soon as it is there, so that a false length is never waited for.
Result<std::size_t> EventStreamDecoder::message_at(std::size_t offset) {
  if (failed_) return std::unexpected(*failed_);
  const auto refuse = [&](std::string why) {
    auto error = malformed(std::move(why));
    failed_ = error.error();
    return error;
  };
  const std::size_t have = buffer_.size() - offset;
  if (have < prelude_bytes) return 0;
  const char* const begin = buffer_.data() + offset;
  const std::size_t total = get<std::uint32_t>(begin);
  const std::size_t headers = get<std::uint32_t>(begin + 4);
  if (get<std::uint32_t>(begin + 8) != crc(begin, 8)) {
    return refuse("the checksum of a prelude is wrong");
  }
  if (total < frame_bytes || headers > total - frame_bytes ||
      headers > limits::event_headers_bytes_max) {
    return refuse("the length of a message's headers is out of range");
  }
  if (total - frame_bytes - headers > limits::event_payload_bytes_max) {
    return refuse("the length of a message's payload is out of range");
  }
  if (have < total) return 0;
  if (get<std::uint32_t>(begin + total - 4) != crc(begin, total - 4)) {
    return refuse("the checksum of a message is wrong");
  }
  return total;
}

Result<std::optional<EventMessage>> EventStreamDecoder::next() {
  TRY(const std::size_t total, message_at(at_));
  if (total == 0) return std::nullopt;
  const std::string_view message = std::string_view(buffer_).substr(at_, total);
  const std::size_t headers_size = get<std::uint32_t>(message.data() + 4);
  auto headers = parse_headers(message.substr(prelude_bytes, headers_size));
  if (!headers) {
    failed_ = headers.error();
    return std::unexpected(std::move(headers).error());
  }
  std::string payload(
      message.substr(prelude_bytes + headers_size, total - frame_bytes - headers_size));
  at_ += total;
  return EventMessage{*std::move(headers), std::move(payload)};
}

Result<std::optional<std::string>> EventStreamDecoder::next_raw() {
  std::size_t end = at_;
  for (;;) {
    auto total = message_at(end);
    // Sound messages before a bad one are given out first; the error is kept for the next call.
    if (!total && end == at_) return std::unexpected(std::move(total).error());
    if (!total || *total == 0) break;
    end += *total;
  }
  if (end == at_) return std::nullopt;
  std::string out = buffer_.substr(at_, end - at_);
  at_ = end;
  return out;
}

}  // namespace tidegate::aws
