// What the parts of the HTTP/1.1 codec share: the classes of bytes and the two ways to refuse.
// Internal to h1_*.cpp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "http/message.hpp"

namespace tidegate::http::h1 {

inline std::unexpected<Error> malformed(std::string_view what) {
  return fail(malformed_message(what));
}

inline std::unexpected<Error> too_large(std::string_view what) {
  return fail(head_too_large(what));
}

// The classes of bytes of RFC 9110, section 5.6.2 and 5.5.
enum ByteClass : std::uint8_t { token = 1, text = 2, target = 4, hex = 8 };
inline constexpr auto classes = [] {
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
inline bool all_of(std::string_view bytes, ByteClass what) {
  return std::ranges::all_of(bytes,
                             [&](char c) { return classes[static_cast<unsigned char>(c)] & what; });
}

// Of the field's name, which a colon ends at once; 0 if the line has none.
inline std::size_t size_of_name(std::string_view line) {
  std::size_t size = 0;
  while (size < line.size() && classes[static_cast<unsigned char>(line[size])] & token) ++size;
  return size < line.size() && line[size] == ':' ? size : 0;
}

// The same as all_of(bytes, text), eight bytes at a time: most of a head is values.
inline bool is_text(std::string_view bytes) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    // A byte whose high bit is set here is below 0x20 or is 0x7f; a tab, or a byte above 0x7f that
    // the borrow reached, is looked at again.
    const std::uint64_t del = word ^ (ones * 0x7f);
    const std::uint64_t odd = ((word - ones * 0x20) & ~word) | ((del - ones) & ~del);
    if ((odd & highs) && !all_of(bytes.substr(i, 8), text)) return false;
  }
  return all_of(bytes.substr(i), text);
}

}  // namespace tidegate::http::h1
