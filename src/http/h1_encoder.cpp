// Writes the heads of requests, and answers with their framing.
#include <charconv>
#include <iterator>

#include "http/h1_codec.hpp"
#include "http/h1_grammar.hpp"

namespace tidegate::http::h1 {
namespace {

// Handlers pass on text that came from elsewhere; a line break in it must not become a header.
void append_value(std::string& to, std::string_view value) {
  const std::size_t start = to.size();
  to += value;
  if (!all_of(value, text)) {
    for (std::size_t i = start; i < to.size(); ++i) {
      if (!(classes[static_cast<unsigned char>(to[i])] & text)) to[i] = ' ';
    }
  }
}

void append_header(std::string& to, std::string_view name, std::string_view value) {
  to += name;
  to += ": ";
  append_value(to, value);
  to += "\r\n";
}

}  // namespace

ResponseEncoder::ResponseEncoder(const Request& request)
    : head_request_(request.head.method == "HEAD"),
      http1_0_(request.head.version == Version::http1_0) {}

void ResponseEncoder::begin(ResponseHead head, std::string_view date, After after) {
  begun_ = true;
  head_ = std::move(head);
  date_ = date;
  if (const auto length = head_.headers.get("content-length")) {
    std::uint64_t value = 0;
    std::from_chars(length->data(), length->data() + length->size(), value);
    length_ = value;
  }
  // The encoder alone frames the message.
  for (const char* name : {"content-length", "transfer-encoding", "connection", "date"})
    head_.headers.erase(name);
  bodiless_ = head_request_ || head_.status == 204 || head_.status == 304;
  close_ = after == After::close || http1_0_;
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
    write_head(out.front, whole ? std::optional(bytes.size()) : std::nullopt);
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
    fmt::format_to(std::back_inserter(out.front), "{:x}\r\n", bytes.size());
    bytes += last ? "\r\n0\r\n\r\n" : "\r\n";
  } else if (chunked_ && last) {
    bytes = "0\r\n\r\n";
  }
  out.back = std::move(bytes);
  return out;
}

void ResponseEncoder::write_head(std::string& to, std::optional<std::size_t> whole_body) const {
  std::size_t size = 128;
  for (const Header& header : head_.headers) size += header.name.size() + header.value.size() + 4;
  to.reserve(size);
  fmt::format_to(std::back_inserter(to), "HTTP/1.1 {} {}\r\n", head_.status,
                 reason_phrase(head_.status));
  for (const Header& header : head_.headers) append_header(to, header.name, header.value);
  append_header(to, "date", date_);
  const bool no_length = head_.status == 204 || head_.status == 304;
  if (chunked_) {
    append_header(to, "transfer-encoding", "chunked");
  } else if (const auto length = length_ ? length_ : whole_body; length && !no_length) {
    fmt::format_to(std::back_inserter(to), "content-length: {}\r\n", *length);
  }
  if (close_) append_header(to, "connection", "close");
  to += "\r\n";
}

Result<std::string> encode_request_head(const ClientRequest& request, std::string_view host) {
  const auto refuse = [](std::string_view what) {
    return fail(ErrorCode::validation,
                fmt::format("A request cannot be sent: its {} cannot be written in HTTP.", what));
  };
  if (request.method.empty() || !all_of(request.method, token)) return refuse("method");
  if (request.target.empty() || !all_of(request.target, target)) return refuse("target");
  std::string to;
  to.reserve(512 + request.target.size());
  to += request.method;
  to += ' ';
  to += request.target;
  to += " HTTP/1.1\r\n";
  append_header(to, "host", host);
  for (const Header& header : request.headers) {
    if (!all_of(header.name, token) || !all_of(header.value, text)) return refuse("header");
    append_header(to, header.name, header.value);
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    fmt::format_to(std::back_inserter(to), "content-length: {}\r\n", request.body.size());
  }
  to += "\r\n";
  return to;
}

}  // namespace tidegate::http::h1
