// Parses the heads of requests and answers.
#include <charconv>

#include "base/limits.hpp"
#include "http/field_text.hpp"
#include "http/h1_codec.hpp"
#include "http/h1_grammar.hpp"

namespace tidegate::http::h1 {
namespace {

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
  const std::string_view all = lines;
  headers.keep(all, 16);
  while (lines.size() > 2) {
    const std::string_view line = take_head_line(lines);
    if (line.front() == ' ' || line.front() == '\t')
      return malformed("a header is folded over lines");
    const std::size_t colon = size_of_name(line);
    if (colon == 0) {
      if (!line.contains(':')) return malformed("a header has no colon");
      return malformed("a header's name has a byte that is not allowed");
    }
    const std::string_view value = trim(line.substr(colon + 1));
    if (!is_field_text(value)) return malformed("a header's value has a control byte");
    headers.add_part(all, line.substr(0, colon), value);
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

Result<void> check_target(std::string_view method, std::string_view target) {
  if (target.size() > limits::target_bytes_max) {
    return too_large(fmt::format("the target has more than {} bytes", limits::target_bytes_max));
  }
  if (method == "CONNECT") return malformed(no_tunnels);
  if (const auto fault = fault_of_target(target); !fault.empty()) return malformed(fault);
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
  if (const auto fault = fault_of_authority(request.head.authority); !fault.empty())
    return malformed(fault);
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
  if (!is_field_text(line.substr(12))) return malformed("the reason has a control byte");

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

}  // namespace tidegate::http::h1
