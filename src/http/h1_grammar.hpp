// What the parts of the HTTP/1.1 codec share: the classes of bytes and the two ways to refuse.
// Internal to h1_*.cpp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "http/field_text.hpp"
#include "http/message.hpp"

namespace tidegate::http::h1 {

inline std::unexpected<Error> malformed(std::string_view what) {
  return fail(malformed_message(what));
}

inline std::unexpected<Error> too_large(std::string_view what) {
  return fail(head_too_large(what));
}

// The classes of bytes of RFC 9110, section 5.6.2.
enum ByteClass : std::uint8_t { token = 1, target = 2, hex = 4 };
inline constexpr auto classes = [] {
  std::array<std::uint8_t, 256> all{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    if (is_token_byte[c]) all[c] |= token;
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

}  // namespace tidegate::http::h1
