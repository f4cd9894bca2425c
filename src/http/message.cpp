#include "http/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/byte_blocks.hpp"

namespace tidegate::http {

void Headers::add(std::string_view name, std::string_view value) {
  const std::size_t at = text_.size();
  std::string old;  // keeps the text alive when it grows: name and value may be views of it
  if (const std::size_t need = at + name.size() + value.size(); need > text_.capacity()) {
    std::string grown;
    grown.reserve(std::max({need, 2 * text_.capacity(), std::size_t{256}}));
    grown = text_;
    old = std::exchange(text_, std::move(grown));
  }
  text_.resize_and_overwrite(at + name.size() + value.size(), [&](char* data, std::size_t size) {
    name.copy(data + at, name.size());
    value.copy(data + at + name.size(), value.size());
    return size;
  });
  if (fields_.size() == fields_.capacity())
    fields_.reserve(std::max(2 * fields_.size(), std::size_t{8}));
  add_field(at, name.size(), at + name.size(), value.size());
}

namespace {

bool is_visible(std::string_view text) {
  return has_none(text, [](auto v) { return (v <= 0x20) | (v == 0x7f); });
}

}  // namespace

Error malformed_message(std::string_view what) {
  return {.code = ErrorCode::malformed_http,
          .origin = Origin::client,
          .message = fmt::format("The HTTP message is malformed: {}.", what),
          .mend = {},
          .why = {}};
}

Error head_too_large(std::string_view what) {
  return {.code = ErrorCode::headers_too_large,
          .origin = Origin::client,
          .message = fmt::format("The head of the HTTP message is too large: {}.", what),
          .mend = {},
          .why = {}};
}

std::string_view fault_of_target(std::string_view target) {
  if (target.empty() || !is_visible(target)) return "the target has a byte that is not allowed";
  if (target.front() != '/') return "the target must be a path that begins with a slash";
  if (target.contains('#')) return "the target has a fragment";
  return {};
}

std::string_view fault_of_authority(std::string_view authority) {
  // What would make it more than a host and a port where somebody builds a URL of it.
  const auto is_delimiter = [](char c) {
    return c == '/' || c == '?' || c == '#' || c == '@' || c == '\\';
  };
  if (!is_visible(authority) || std::ranges::any_of(authority, is_delimiter))
    return "the host has a byte that is not allowed";
  return {};
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 417:
      return "Expectation Failed";
    case 424:
      return "Failed Dependency";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

}  // namespace tidegate::http
