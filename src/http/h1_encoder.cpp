// Writes the heads of requests, and answers with their framing.
#include <algorithm>
#include <array>
#include <charconv>

#include "http/field_text.hpp"
#include "http/h1_codec.hpp"
#include "http/h1_grammar.hpp"

namespace tidegate::http::h1 {
namespace {

void append_all(std::string& to, std::initializer_list<std::string_view> parts) {
  std::size_t size = to.size();
  for (const std::string_view part : parts) size += part.size();
  to.resize_and_overwrite(size, [&, at = to.size()](char* data, std::size_t) {
    char* out = data + at;
    for (const std::string_view part : parts) out += part.copy(out, part.size());
    return size;
  });
}

void append_header(std::string& to, std::string_view name, std::string_view value) {
  append_all(to, {name, ": ", value, "\r\n"});
  if (is_field_text(value)) return;
  // Handlers pass on text that came from elsewhere; a line break in it must not become a header.
  const auto end = to.end() - 2;
  std::replace_if(
      end - static_cast<std::ptrdiff_t>(value.size()), end,
      [](char c) { return !is_field_byte(c); }, ' ');
}

// The encoder alone frames the message and dates it.
bool is_ours(std::string_view name) {
  switch (name.size()) {
    case 4:
      return iequals_ascii(name, "date");
    case 10:
      return iequals_ascii(name, "connection");
    case 14:
      return iequals_ascii(name, "content-length");
    case 17:
      return iequals_ascii(name, "transfer-encoding");
    default:
      return false;
  }
}

void append_number(std::string& to, std::uint64_t value, int base = 10) {
  std::array<char, 20> digits;
  to.append(digits.data(),
            std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr);
}

}  // namespace

ResponseEncoder::ResponseEncoder(const Request& request)
    : head_request_(request.head.method == "HEAD"),
      http1_0_(request.head.version == Version::http1_0) {}

void ResponseEncoder::begin(const ResponseHead& head, std::string_view date, After after) {
  begun_ = true;
  bodiless_ = head_request_ || head.status == 204 || head.status == 304;
  lengthless_ = head.status == 204 || head.status == 304;
  close_ = after == After::close || http1_0_;
  if (const auto length = head.headers.get("content-length")) {
    std::uint64_t value = 0;
    std::from_chars(length->data(), length->data() + length->size(), value);
    length_ = value;
  }
  head_.reserve(160 + date.size() + head.headers.bytes() + 4 * head.headers.size());
  head_ += "HTTP/1.1 ";
  append_number(head_, static_cast<std::uint64_t>(head.status));
  head_ += ' ';
  head_ += reason_phrase(head.status);
  head_ += "\r\n";
  for (const Header& header : head.headers) {
    if (!is_ours(header.name)) append_header(head_, header.name, header.value);
  }
  append_header(head_, "date", date);
}

Result<Pieces> ResponseEncoder::write(std::string bytes) {
  if (bytes.empty()) return Pieces{};
  return encode(std::move(bytes), Part::middle);
}

Result<Pieces> ResponseEncoder::finish(std::string last) {
  return encode(std::move(last), Part::last);
}

Result<Pieces> ResponseEncoder::encode(std::string bytes, Part part) {
  const bool last = part == Part::last;
  Pieces out;
  written_ += bytes.size();
  if (!head_sent_) {
    const bool whole = last && !length_;
    chunked_ = !length_ && !whole && !http1_0_ && !bodiless_;
    end_head(whole ? std::optional(bytes.size()) : std::nullopt);
    out.front = std::move(head_);
    head_sent_ = true;
  }
  const bool wrong =
      length_ && (written_ > *length_ || (last && written_ != *length_ && !head_request_));
  if (wrong && !bodiless_) {
    return fail(ErrorCode::internal,
                "The answer's body is not as long as its content-length says.");
  }
  if (bodiless_) return out;
  if (chunked_ && !bytes.empty()) {
    append_number(out.front, bytes.size(), 16);
    out.front += "\r\n";
    bytes += last ? "\r\n0\r\n\r\n" : "\r\n";
  } else if (chunked_ && last) {
    bytes = "0\r\n\r\n";
  }
  out.back = std::move(bytes);
  return out;
}

void ResponseEncoder::end_head(std::optional<std::size_t> whole_body) {
  if (chunked_) {
    append_header(head_, "transfer-encoding", "chunked");
  } else if (const auto length = length_ ? length_ : whole_body; length && !lengthless_) {
    head_ += "content-length: ";
    append_number(head_, *length);
    head_ += "\r\n";
  }
  if (close_) append_header(head_, "connection", "close");
  head_ += "\r\n";
}

Result<std::string> encode_request_head(const ClientRequest& request, std::string_view host) {
  const auto refuse = [](std::string_view what) {
    return fail(ErrorCode::validation,
                fmt::format("A request cannot be sent: its {} cannot be written in HTTP.", what));
  };
  if (request.method.empty() || !all_of(request.method, token)) return refuse("method");
  if (request.target.empty() || !all_of(request.target, target)) return refuse("target");
  std::string to;
  to.reserve(64 + request.method.size() + request.target.size() + host.size() +
             request.headers.bytes() + 4 * request.headers.size());
  to += request.method;
  to += ' ';
  to += request.target;
  to += " HTTP/1.1\r\n";
  append_header(to, "host", host);
  for (const Header& header : request.headers) {
    if (!all_of(header.name, token) || !is_field_text(header.value)) return refuse("header");
    append_all(to, {header.name, ": ", header.value, "\r\n"});
  }
  const std::size_t body_bytes = request.front.size() + request.body.size();
  if (body_bytes > 0 || request.method == "POST" || request.method == "PUT") {
    to += "content-length: ";
    append_number(to, body_bytes);
    to += "\r\n";
  }
  to += "\r\n";
  to += request.front;
  return to;
}

}  // namespace tidegate::http::h1
