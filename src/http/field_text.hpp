// The bytes of a field's name and of its value (RFC 9110, sections 5.1 and 5.5), the same over
// HTTP/1.1 and HTTP/2.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "base/byte_blocks.hpp"

namespace tidegate::http {

constexpr bool is_field_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

// All of them.
inline bool is_field_text(std::string_view bytes) {
  return has_none(bytes,
                  [](auto v) { return ((v >= 0) & (v < 0x20) & (v != '\t')) | (v == 0x7f); });
}

// And not blank at either end (RFC 9113, section 8.2.1).
inline bool is_field_value(std::string_view value) {
  constexpr std::string_view blank = " \t";
  return is_field_text(value) &&
         (value.empty() || (!blank.contains(value.front()) && !blank.contains(value.back())));
}

// Section 5.6.2.
inline constexpr auto is_token_byte = [] {
  std::array<bool, 256> all{};
  for (unsigned c = 0; c < all.size(); ++c) {
    all[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("!#$%&'*+-.^_`|~").contains(static_cast<char>(c));
  }
  return all;
}();

inline bool is_field_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return is_token_byte[static_cast<unsigned char>(c)];
  });
}

}  // namespace tidegate::http
