#include "base/json_escapes.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/bytes.hpp"
#include "base/json.hpp"

namespace tidegate::json {
namespace {

constexpr char mark = '\x7f';                              // begins what stands for a string
constexpr std::size_t document_bytes_max = 1'024 * 1'024;  // a larger one is not copied

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

using Bytes16 = unsigned char __attribute__((vector_size(16)));

// Where the next character stands that needs an escape, or the text's end: 16 bytes at a time.
std::size_t next_escape(std::string_view text, std::size_t at) {
  static_assert(std::endian::native == std::endian::little);
  for (Bytes16 bytes; at + sizeof bytes <= text.size(); at += sizeof bytes) {
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    const auto found = std::bit_cast<std::array<std::uint64_t, 2>>((bytes < 0x20) | (bytes == '"') |
                                                                   (bytes == '\\'));
    if ((found[0] | found[1]) == 0) continue;
    const int bits = found[0] != 0 ? std::countr_zero(found[0]) : 64 + std::countr_zero(found[1]);
    return at + static_cast<std::size_t>(bits) / 8;
  }
  while (at < text.size() && !needs_escape(text[at])) ++at;
  return at;
}

// The letter of a short escape by its character, and back; 0 where there is none.
constexpr std::string_view short_escapes = "\"\"\\\\\bb\ff\nn\rr\tt";  // pairs
constexpr auto letter_of = [] {
  std::array<char, 256> letters{};
  for (std::size_t i = 0; i < short_escapes.size(); i += 2)
    letters[static_cast<unsigned char>(short_escapes[i])] = short_escapes[i + 1];
  return letters;
}();
constexpr auto character_of = [] {
  std::array<char, 256> characters{};
  for (std::size_t i = 0; i < short_escapes.size(); i += 2)
    characters[static_cast<unsigned char>(short_escapes[i + 1])] = short_escapes[i];
  characters['/'] = '/';  // may be escaped, and never is here
  return characters;
}();

constexpr std::size_t escape_bytes_max = 6;  // \u001f

char* write_escape(char* to, unsigned char c) {
  *to++ = '\\';
  if (letter_of[c] != 0) {
    *to++ = letter_of[c];
    return to;
  }
  std::memcpy(to, "u00", 3);
  write_hex({reinterpret_cast<const char*>(&c), 1}, to + 3);
  return to + 5;
}

std::optional<std::uint32_t> code_unit(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  const char* const end = text.data() + at + 6;
  const auto read = std::from_chars(text.data() + at + 2, end, unit, 16);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return unit;
}

char* write_utf8(char* to, std::uint32_t c) {
  const auto continued = [&](int shift) { *to++ = static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    *to++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *to++ = static_cast<char>(0xc0 | c >> 6);
    continued(0);
  } else if (c < 0x10000) {
    *to++ = static_cast<char>(0xe0 | c >> 12);
    continued(6);
    continued(0);
  } else {
    *to++ = static_cast<char>(0xf0 | c >> 18);
    continued(12);
    continued(6);
    continued(0);
  }
  return to;
}

// Writes the character of the escape at `at`, which moves behind it; nullptr: it is none.
char* write_unescaped(char* to, std::string_view text, std::size_t& at) {
  if (at + 1 >= text.size()) return nullptr;
  if (const char plain = character_of[static_cast<unsigned char>(text[at + 1])]; plain != 0) {
    at += 2;
    *to++ = plain;
    return to;
  }
  const auto first = code_unit(text, at);
  if (!first || (*first >= 0xdc00 && *first < 0xe000)) return nullptr;
  at += 6;
  if (*first < 0xd800 || *first >= 0xe000) return write_utf8(to, *first);
  const auto second = code_unit(text, at);
  if (!second || *second < 0xdc00 || *second >= 0xe000) return nullptr;
  at += 6;
  return write_utf8(to, 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00));
}

// What stands between the quotes, the first of which is before `at`; `at` moves behind the second.
// It is never longer than its source: `room` has space for the rest of the text.
std::optional<std::string_view> unescaped(std::string_view text, std::size_t& at, char* room) {
  char* to = room;
  for (;;) {
    const std::size_t next = next_escape(text, at);
    if (next == text.size()) return std::nullopt;
    std::memcpy(to, text.data() + at, next - at);
    to += next - at;
    at = next;
    if (text[at] == '"') break;
    to = text[at] == '\\' ? write_unescaped(to, text, at) : nullptr;
    if (!to) return std::nullopt;
  }
  ++at;
  const std::string_view out(room, to);
  if (!is_valid_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  constexpr std::size_t piece_bytes = 512;  // so that room for the worst case stays small
  out += '"';
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, piece_bytes);
    text.remove_prefix(piece.size());
    const std::size_t before = out.size();
    out.resize_and_overwrite(before + escape_bytes_max * piece.size(),
                             [&](char* begin, std::size_t) {
                               char* to = begin + before;
                               for (std::size_t at = 0;;) {
                                 const std::size_t escape = next_escape(piece, at);
                                 std::memcpy(to, piece.data() + at, escape - at);
                                 to += escape - at;
                                 if (escape == piece.size()) return to - begin;
                                 to = write_escape(to, static_cast<unsigned char>(piece[escape]));
                                 at = escape + 1;
                               }
                             });
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
  const auto room = std::make_unique_for_overwrite<char[]>(document.size());
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
    const auto string = unescaped(document, at, room.get());
    if (!string) return std::nullopt;
    out.text += '"';
    out.text += mark;
    append_number(out.text, static_cast<std::int64_t>(out.strings.size()));
    out.text += '"';
    out.strings.emplace_back(*string);
  }
}

}  // namespace tidegate::json
