#include "http/h1_codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "base/limits.hpp"

namespace tidegate::http::h1 {
namespace {

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Error{.code = ErrorCode::malformed_http,
                    .origin = Origin::client,
                    .message = fmt::format("The HTTP message is malformed: {}.", what),
                    .mend = {},
                    .why = {}});
}

std::unexpected<Error> too_large(std::string_view what) {
  return fail(Error{.code = ErrorCode::headers_too_large,
                    .origin = Origin::client,
                    .message = fmt::format("The head of the HTTP message is too large: {}.", what),
                    .mend = {},
                    .why = {}});
}

// The classes of bytes of RFC 9110, section 5.6.2 and 5.5.
enum : std::uint8_t { token = 1, text = 2, target = 4, hex = 8 };
constexpr auto classes = [] {
  std::array<std::uint8_t, 256> all{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (alpha || digit || std::string_view("!#$%&'*+-.^_`|~").contains(static_cast<char>(c))) {
      all[c] |= token;
    }
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) all[c] |= text;
    if (c > 0x20 && c < 0x7f) all[c] |= target;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) all[c] |= hex;
  }
  return all;
}();
bool all_of(std::string_view bytes, std::uint8_t what) {
  return std::ranges::all_of(bytes,
                             [&](char c) { return classes[static_cast<unsigned char>(c)] & what; });
}

std::string_view trim(std::string_view value) {
  const auto space = [](char c) { return c == ' ' || c == '\t'; };
  while (!value.empty() && space(value.front())) value.remove_prefix(1);
  while (!value.empty() && space(value.back())) value.remove_suffix(1);
  return value;
}

// One header can be a list, and a list can be several headers.
template <class Visit>
void for_each_element(const Headers& headers, std::string_view name, Visit visit) {
  for (const Header& header : headers) {
    if (!iequals_ascii(header.name, name)) continue;
    std::string_view rest = header.value;
    for (;;) {
      const auto comma = rest.find(',');
      visit(trim(rest.substr(0, comma)));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
}

bool has_element(const Headers& headers, std::string_view name, std::string_view element) {
  bool found = false;
  for_each_element(headers, name, [&](std::string_view e) { found |= iequals_ascii(e, element); });
  return found;
}

std::optional<Version> version_of(std::string_view text) {
  if (text == "HTTP/1.1") return Version::http1_1;
  if (text == "HTTP/1.0") return Version::http1_0;
  return std::nullopt;
}

// The next line; the scanner has made sure that each ends with CRLF and that the last is empty.
std::string_view take_head_line(std::string_view& head) {
  const auto end = head.find('\n');
  const std::string_view line = head.substr(0, end - 1);
  head.remove_prefix(end + 1);
  return line;
}

Result<void> parse_headers(std::string_view lines, Headers& headers) {
  while (lines.size() > 2) {
    const std::string_view line = take_head_line(lines);
    if (line.front() == ' ' || line.front() == '\t')
      return malformed("a header is folded over lines");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return malformed("a header has no colon");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (name.empty() || !all_of(name, token))
      return malformed("a header's name has a byte that is not allowed");
    if (!all_of(value, text)) return malformed("a header's value has a control byte");
    headers.add(std::string(name), std::string(value));
  }
  return {};
}

// Both lengths at once, and any transfer coding but "chunked" alone, are refused for both roles.
Result<std::optional<BodyFraming>> parse_framing(const Headers& headers, Version version) {
  const auto length = headers.get("content-length");
  const auto coding = headers.get("transfer-encoding");
  if (coding) {
    if (length) return malformed("it has both content-length and transfer-encoding");
    if (version == Version::http1_0)
      return malformed("transfer-encoding does not exist in HTTP/1.0");
    if (headers.count("transfer-encoding") != 1 || !iequals_ascii(*coding, "chunked")) {
      return malformed("the only transfer-encoding that is supported is exactly \"chunked\"");
    }
    return BodyFraming{BodyFraming::Kind::chunked};
  }
  if (!length) return std::nullopt;
  if (headers.count("content-length") != 1) return malformed("it has more than one content-length");
  BodyFraming framing{BodyFraming::Kind::length};
  const auto [end, error] =
      std::from_chars(length->data(), length->data() + length->size(), framing.length);
  const bool digits = !length->empty() && length->front() != '+' && length->front() != '-';
  if (!digits || error != std::errc{} || end != length->data() + length->size()) {
    return malformed("content-length is not a number");
  }
  if (framing.length == 0) framing.kind = BodyFraming::Kind::none;
  return framing;
}

bool keeps_alive(const Headers& headers, Version version) {
  return version == Version::http1_1 && !has_element(headers, "connection", "close");
}

Result<void> check_target(std::string_view method, std::string_view target_) {
  if (target_.size() > limits::target_bytes_max) {
    return too_large(fmt::format("the target has more than {} bytes", limits::target_bytes_max));
  }
  if (target_.empty() || !all_of(target_, target))
    return malformed("the target has a byte that is not allowed");
  if (method == "CONNECT")
    return malformed("CONNECT is not supported, this is not a forward proxy");
  if (target_.front() != '/')
    return malformed("the target must be a path that begins with a slash");
  if (target_.contains('#')) return malformed("the target has a fragment");
  return {};
}

}  // namespace

Result<std::optional<std::size_t>> HeadScanner::scan(std::string_view bytes) {
  while (scanned_ < bytes.size()) {
    const auto newline = bytes.find('\n', scanned_);
    const std::size_t end = newline == std::string_view::npos ? bytes.size() : newline + 1;
    if (end > limits::header_bytes_max) {
      return too_large(fmt::format("it has more than {} bytes", limits::header_bytes_max));
    }
    scanned_ = end;
    if (newline == std::string_view::npos) break;
    if (newline == line_start_ || bytes[newline - 1] != '\r')
      return malformed("a line ends with a bare LF");
    const bool empty_line = newline - 1 == line_start_;
    line_start_ = end;
    // An empty line in front of a request is forgiven once (RFC 9112, section 2.2); parse_request()
    // skips it.
    if (empty_line && end > 2) return end;
    if (++lines_ > limits::header_count_max + 2) {
      return too_large(fmt::format("it has more than {} headers", limits::header_count_max));
    }
  }
  return std::nullopt;
}

Result<Request> parse_request(std::string_view head) {
  if (head.starts_with("\r\n")) head.remove_prefix(2);
  if (head.size() <= 2) return malformed("there is no request line");
  const std::string_view line = take_head_line(head);
  const auto first_space = line.find(' ');
  const auto last_space = line.rfind(' ');
  if (first_space == std::string_view::npos || first_space == last_space) {
    return malformed("the request line does not have three parts");
  }
  const std::string_view method = line.substr(0, first_space);
  const std::string_view wanted = line.substr(first_space + 1, last_space - first_space - 1);
  const auto version = version_of(line.substr(last_space + 1));
  if (method.empty() || !all_of(method, token)) return malformed("the method is not a token");
  if (!version) return malformed("the version is neither HTTP/1.1 nor HTTP/1.0");
  TRY_VOID(check_target(method, wanted));

  Request request;
  request.head.method = method;
  request.head.target = wanted;
  request.head.version = *version;
  TRY_VOID(parse_headers(head, request.head.headers));
  const Headers& headers = request.head.headers;
  if (headers.size() > limits::header_count_max) {
    return too_large(fmt::format("it has more than {} headers", limits::header_count_max));
  }
  const std::size_t hosts = headers.count("host");
  if (hosts > 1) return malformed("it has more than one host");
  if (hosts == 0 && version == Version::http1_1) return malformed("it has no host");
  if (hosts == 1) request.head.authority = *headers.get("host");
  if (!all_of(request.head.authority, target))
    return malformed("the host has a byte that is not allowed");
  TRY(auto framing, parse_framing(headers, *version));
  request.body = framing.value_or(BodyFraming{});
  request.keep_alive = keeps_alive(headers, *version);
  request.expects_continue =
      version == Version::http1_1 && has_element(headers, "expect", "100-continue");
  return request;
}

Result<Response> parse_response(std::string_view head, std::string_view request_method) {
  const std::string_view line = head.size() > 2 ? take_head_line(head) : std::string_view{};
  const auto version = version_of(line.substr(0, std::min<std::size_t>(line.size(), 8)));
  int status = 0;
  // "HTTP/1.1 200" and then nothing, or a space and a reason.
  if (!version || line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) {
    return malformed("the status line is not one of HTTP/1.1");
  }
  const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status);
  if (error != std::errc{} || end != line.data() + 12 || status < 100)
    return malformed("the status is not a number");
  if (!all_of(line.substr(12), text)) return malformed("the reason has a control byte");

  Response response;
  response.head.status = status;
  TRY_VOID(parse_headers(head, response.head.headers));
  const Headers& headers = response.head.headers;
  TRY(auto framing, parse_framing(headers, *version));
  response.keep_alive = keeps_alive(headers, *version);
  if (status < 200 || status == 204 || status == 304 || request_method == "HEAD") {
    response.body = {};
  } else if (framing) {
    response.body = *framing;
  } else {
    response.body = {BodyFraming::Kind::until_close};
    response.keep_alive = false;
  }
  return response;
}

BodyDecoder::BodyDecoder(BodyFraming framing) : left_(framing.length) {
  switch (framing.kind) {
    case BodyFraming::Kind::none:
      state_ = State::done;
      break;
    case BodyFraming::Kind::length:
      state_ = State::data;
      break;
    case BodyFraming::Kind::chunked:
      state_ = State::size;
      break;
    case BodyFraming::Kind::until_close:
      state_ = State::until_close;
      break;
  }
}

Result<void> BodyDecoder::decode(std::string_view& bytes, std::string& body) {
  while (!bytes.empty() && state_ != State::done) {
    switch (state_) {
      case State::until_close:
        body.append(std::exchange(bytes, {}));
        break;
      case State::data:
      case State::chunk: {
        const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        body.append(bytes.substr(0, take));
        bytes.remove_prefix(take);
        left_ -= take;
        if (left_ == 0) state_ = state_ == State::data ? State::done : State::chunk_end;
        break;
      }
      case State::size: {
        TRY(auto line, take_line(bytes, limits::chunk_line_bytes_max));
        if (line) TRY_VOID(decode_size(*line));
        break;
      }
      case State::chunk_end: {
        TRY(auto line, take_line(bytes, 2));
        if (line && !line->empty()) return malformed("a chunk is longer than its size");
        if (line) state_ = State::size;
        break;
      }
      case State::trailer: {
        TRY(auto line, take_line(bytes, limits::trailer_bytes_max));
        if (!line) break;
        trailer_bytes_ += line->size() + 2;
        if (trailer_bytes_ > limits::trailer_bytes_max)
          return malformed("the trailers are too large");
        if (line->empty()) state_ = State::done;
        break;
      }
      case State::done:
        break;
    }
  }
  return {};
}

Result<std::optional<std::string>> BodyDecoder::take_line(std::string_view& bytes,
                                                          std::size_t bytes_max) {
  const auto newline = bytes.find('\n');
  const std::size_t take = newline == std::string_view::npos ? bytes.size() : newline + 1;
  if (line_.size() + take > bytes_max) return malformed("a line between chunks is too long");
  line_.append(bytes.substr(0, take));
  bytes.remove_prefix(take);
  if (newline == std::string_view::npos) return std::nullopt;
  std::string line = std::exchange(line_, {});
  if (!line.ends_with("\r\n")) return malformed("a line between chunks ends with a bare LF");
  line.resize(line.size() - 2);
  if (!all_of(line, text)) return malformed("a line between chunks has a control byte");
  return line;
}

Result<void> BodyDecoder::decode_size(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  // Sixteen digits would fit; fifteen leave no sum that could overflow.
  if (digits.empty() || digits.size() > 15 || !all_of(digits, hex))
    return malformed("a chunk's size is not a number");
  std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  state_ = left_ == 0 ? State::trailer : State::chunk;
  return {};
}

bool BodyDecoder::end_of_stream() {
  if (state_ == State::until_close) state_ = State::done;
  return done();
}

std::optional<std::uint64_t> BodyDecoder::remaining() const {
  if (state_ == State::done) return 0;
  if (state_ == State::data) return left_;
  return std::nullopt;
}

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
