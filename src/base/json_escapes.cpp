#include "base/json_escapes.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"
#include "base/json.hpp"

namespace tidegate::json {
namespace {

constexpr char mark = '\x7f';                              // begins what stands for a string
constexpr std::size_t document_bytes_max = 1'024 * 1'024;  // a larger one is not copied

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// Where the next character stands that needs an escape, or the text's end. Eight bytes at a time:
// the lowest byte that a mask marks is always a right one (higher ones may be marked by its
// borrow).
std::size_t next_escape(std::string_view text, std::size_t at) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
  const auto below = [](std::uint64_t word, std::uint64_t bound) {
    return (word - ones * bound) & ~word;
  };
  for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, sizeof word);
    const std::uint64_t found =
        (below(word, 0x20) | below(word ^ ones * '"', 1) | below(word ^ ones * '\\', 1)) & high;
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
  }
  while (at < text.size() && !needs_escape(text[at])) ++at;
  return at;
}

void append_escape(std::string& out, unsigned char c) {
  static constexpr std::string_view letters = "\"\"\\\\\bb\ff\nn\rr\tt";  // pairs
  for (std::size_t i = 0; i < letters.size(); i += 2) {
    if (static_cast<unsigned char>(letters[i]) != c) continue;
    out += '\\';
    out += letters[i + 1];
    return;
  }
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
}

std::optional<std::uint32_t> code_unit(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  const char* const end = text.data() + at + 6;
  const auto read = std::from_chars(text.data() + at + 2, end, unit, 16);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return unit;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto continued = [&](int shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    continued(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    continued(6);
    continued(0);
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    continued(12);
    continued(6);
    continued(0);
  }
}

// The character of the escape at `at`, which moves behind it. False: it is none.
bool append_unescaped(std::string& out, std::string_view text, std::size_t& at) {
  static constexpr std::string_view letters = "\"\"\\\\//b\bf\fn\nr\rt\t";  // pairs
  if (at + 1 >= text.size()) return false;
  for (std::size_t i = 0; i < letters.size(); i += 2) {
    if (letters[i] != text[at + 1]) continue;
    out += letters[i + 1];
    at += 2;
    return true;
  }
  const auto first = code_unit(text, at);
  if (!first || (*first >= 0xdc00 && *first < 0xe000)) return false;
  at += 6;
  if (*first < 0xd800 || *first >= 0xe000) {
    append_utf8(out, *first);
    return true;
  }
  const auto second = code_unit(text, at);
  if (!second || *second < 0xdc00 || *second >= 0xe000) return false;
  at += 6;
  append_utf8(out, 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00));
  return true;
}

// What stands between the quotes, the first of which is before `at`; `at` moves behind the second.
std::optional<std::string> unescaped(std::string_view text, std::size_t& at) {
  std::string out;
  for (;;) {
    const std::size_t next = next_escape(text, at);
    if (next == text.size()) return std::nullopt;
    out.append(text, at, next - at);
    at = next;
    if (text[at] == '"') break;
    if (text[at] != '\\' || !append_unescaped(out, text, at)) return std::nullopt;
  }
  ++at;
  if (!is_valid_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t start = 0;;) {
    const std::size_t escape = next_escape(text, start);
    out.append(text, start, escape - start);
    if (escape == text.size()) break;
    append_escape(out, static_cast<unsigned char>(text[escape]));
    start = escape + 1;
  }
  out += '"';
}

std::string_view TakenOut::original(std::string_view string) const {
  if (!string.starts_with(mark)) return string;
  std::size_t number = 0;
  std::from_chars(string.data() + 1, string.data() + string.size(), number);
  return strings.at(number);
}

std::optional<TakenOut> take_out_escaped_strings(std::string_view document) {
  if (document.size() > document_bytes_max || !document.contains('\\')) return std::nullopt;
  TakenOut out;
  out.text.reserve(document.size());
  for (std::size_t at = 0;;) {
    const std::size_t quote = document.find('"', at);
    out.text.append(document, at, quote - at);
    if (quote == std::string_view::npos) return out;
    at = quote + 1;
    const std::size_t next = next_escape(document, at);
    if (next == document.size()) return std::nullopt;
    if (document[next] == '"' && document[at] != mark) {
      out.text.append(document, quote, next + 1 - quote);
      at = next + 1;
      continue;
    }
    auto string = unescaped(document, at);
    if (!string) return std::nullopt;
    out.text += '"';
    out.text += mark;
    append_number(out.text, static_cast<std::int64_t>(out.strings.size()));
    out.text += '"';
    out.strings.push_back(*std::move(string));
  }
}

}  // namespace tidegate::json
