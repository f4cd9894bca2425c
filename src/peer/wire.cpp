// Reports, fronts, answers and trailers.
#include "peer/wire.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "http/field_text.hpp"
#include "peer/canonical.hpp"
#include "peer/packed.hpp"
#include "peer/seal.hpp"

namespace tidegate::peer {
namespace {

constexpr std::string_view trailer_label = "tidegate trailer 1";
constexpr std::size_t piece_length_bytes = 4;

std::unexpected<Error> broken(std::string why) {
  return fail(Error{.code = ErrorCode::peer_unavailable,
                    .origin = Origin::peer,
                    .retry = Retry::other_region,
                    .message = "another Region's answer could not be understood",
                    .mend = {},
                    .why = std::move(why)});
}

// Valid UTF-8 of at most `bytes_max` bytes: whole characters from its start, nothing where it is
// not UTF-8.
std::string_view clipped(std::string_view text, std::size_t bytes_max) {
  if (!is_valid_utf8(text)) return {};
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

}  // namespace

template <class Codec, Is<ModelLoad> Load>
void visit(Codec& codec, Load& load) {
  codec.open();
  codec.member("busy", load.busy);
  codec.member("ready", load.ready);
  codec.member("slots", load.slots);
  codec.member("waiting", load.waiting);
  codec.close();
}

template <class Codec, Is<Report> R>
void visit(Codec& codec, R& report) {
  codec.open();
  codec.member("catalogEpoch", report.catalog_epoch);
  codec.member("drained", report.drained);
  codec.member("draining", report.draining);
  codec.member("epoch", report.epoch);
  codec.member("models", report.models);
  codec.member("operations", report.operations);
  codec.member("protocol", report.protocol);
  codec.member("runningForReader", report.running_for_reader);
  codec.member("sequence", report.sequence);
  codec.close();
}

template <class Codec, Is<Trailer> T>
void pack(Codec& codec, T& t) {
  codec.version(Trailer::version);
  codec.text(t.request_id);
  codec.text(t.region);
  codec.text(t.outcome);
  codec.text(t.error_message);
  codec.text(t.model_name);
  codec.text(t.stop_reason);
  codec.number(t.input_tokens);
  codec.number(t.output_tokens);
  codec.number(t.cache_read_tokens);
  codec.number(t.cache_write_tokens);
  codec.number(t.first_byte_ms);
  codec.number(t.total_ms);
  codec.number(t.at_ms);
  codec.digest(t.row_hash);
  codec.digest(t.answer_sha256);
}

static_assert(limits::link_body_bytes_max == token_length_bytes + limits::token_bytes_max +
                                                 traceparent_bytes + limits::body_bytes_max);

std::string request_front(std::string_view sealed_token, std::string_view traceparent) {
  std::string front;
  front.reserve(token_length_bytes + sealed_token.size() + traceparent.size());
  append_big_endian(front, sealed_token.size(), token_length_bytes);
  front += sealed_token;
  front += traceparent;
  return front;
}

Result<std::optional<RequestFront>> RequestFront::read(std::string_view body) {
  if (body.size() < token_length_bytes) return std::nullopt;
  const std::size_t size =
      std::size_t{static_cast<std::uint8_t>(body[0])} << 8 | static_cast<std::uint8_t>(body[1]);
  if (size == 0 || size > limits::token_bytes_max) return fail(no_token());
  const std::string_view rest = body.substr(token_length_bytes);
  if (rest.size() < size + traceparent_bytes) return std::nullopt;
  return RequestFront{.token = rest.substr(0, size),
                      .traceparent = rest.substr(size, traceparent_bytes)};
}

Error no_token() {
  return {.code = ErrorCode::fence_refused,
          .message = "a request without its routing token",
          .mend = {},
          .why = "no_token"};
}

void append_headers(std::string& body, const http::Headers& headers) {
  const std::size_t at = body.size();
  append_big_endian(body, 0, piece_length_bytes);
  Packer packer(body);
  packer.count(headers.size());
  for (const http::Header& header : headers) {
    packer.text(header.name);
    packer.text(header.value);
  }
  std::string length;
  append_big_endian(length, body.size() - at - piece_length_bytes, piece_length_bytes);
  body.replace(at, length.size(), length);
}

void append_piece(std::string& body, std::string_view piece) {
  if (piece.empty()) return;
  append_big_endian(body, piece.size(), piece_length_bytes);
  body += piece;
}

void append_end(std::string& body, std::string_view sealed_trailer) {
  append_big_endian(body, 0, piece_length_bytes);
  body += sealed_trailer;
}

std::size_t answer_bytes_max(const http::Headers& headers, std::string_view answer,
                             std::string_view sealed_trailer) {
  return 3 * piece_length_bytes + 2 + 4 * headers.size() + headers.bytes() + answer.size() +
         sealed_trailer.size();
}

Result<void> AnswerReader::feed(std::string_view bytes, std::string& answer) {
  while (!bytes.empty() && !ended_) {
    if (left_ == 0) {
      length_ = length_ << 8 | static_cast<std::uint8_t>(bytes.front());
      bytes.remove_prefix(1);
      if (++length_octets_ == piece_length_bytes) TRY_VOID(begin_piece());
      continue;
    }
    const std::string_view piece = bytes.substr(0, left_);
    bytes.remove_prefix(piece.size());
    left_ -= piece.size();
    if (headers_) {
      answer += piece;
    } else {
      TRY_VOID(take_headers(piece));
    }
  }
  if (trailer_.size() + bytes.size() > limits::trailer_bytes_max)
    return broken("a trailer that is too long");
  trailer_ += bytes;
  return {};
}

Result<void> AnswerReader::begin_piece() {
  left_ = std::exchange(length_, 0);
  length_octets_ = 0;
  ended_ = left_ == 0;
  if (!headers_ && (left_ == 0 || left_ > limits::header_bytes_max))
    return broken("headers of a wrong length");
  return {};
}

// The next part of the first piece, which ends with it where nothing is left.
Result<void> AnswerReader::take_headers(std::string_view bytes) {
  if (left_ > 0 || !packed_headers_.empty()) {
    packed_headers_ += bytes;
    if (left_ > 0) return {};
    bytes = packed_headers_;
  }
  Unpacker unpacker(bytes);
  http::Headers headers;
  for (std::size_t left = unpacker.count(limits::header_count_max); left > 0; --left) {
    const std::string_view name = unpacker.text();
    const std::string_view value = unpacker.text();
    if (!http::is_field_name(name) || !http::is_field_value(value))
      return broken("a header that is none");
    headers.add(name, value);
  }
  if (!unpacker.done()) return broken("headers that are not packed");
  headers_ = std::move(headers);
  return {};
}

std::optional<std::string_view> AnswerReader::trailer() const {
  if (!ended_) return std::nullopt;
  return trailer_;
}

std::string Report::encode() const {
  return to_canonical(*this) + '\n';
}

Result<Report> Report::decode(std::string_view line) {
  if (line.size() > limits::report_bytes_max || !line.ends_with('\n')) {
    return broken("a report of a wrong length");
  }
  line.remove_suffix(1);
  Report report;
  if (!from_canonical(line, report))
    return broken("a report that this version does not understand");
  if (report.protocol != protocol_version) {
    return broken(
        fmt::format("a report of protocol {}, this is {}", report.protocol, protocol_version));
  }
  return report;
}

std::string Trailer::sign(const HmacKey& link_key) const {
  const auto message = clipped(error_message, limits::trailer_message_bytes_max);
  if (message.size() == error_message.size())
    return seal(trailer_label, packed(*this), link_key).bytes;
  Trailer shorter = *this;
  shorter.error_message = message;
  return seal(trailer_label, packed(shorter), link_key).bytes;
}

Result<Trailer> Trailer::open(std::string_view sealed, const std::optional<HmacKey>& link_key) {
  const auto unsealed = unseal(trailer_label, sealed, link_key, limits::trailer_bytes_max);
  if (!unsealed) return broken("a trailer that was not made for this link");
  Trailer trailer;
  if (!unpack(unsealed->document, trailer))
    return broken("a trailer that is not a whole one of version 1");
  return trailer;
}

}  // namespace tidegate::peer
