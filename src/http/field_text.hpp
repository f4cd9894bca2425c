// The bytes of a field's value (RFC 9110, section 5.5), the same over HTTP/1.1 and HTTP/2.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tidegate::http {

constexpr bool is_field_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

// All of them, eight at a time: most of a head is values.
inline bool is_field_text(std::string_view bytes) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    // A byte whose high bit is set here is below 0x20 or is 0x7f; a tab, or a byte above 0x7f that
    // the borrow reached, is looked at again.
    const std::uint64_t del = word ^ (ones * 0x7f);
    const std::uint64_t odd = ((word - ones * 0x20) & ~word) | ((del - ones) & ~del);
    if ((odd & highs) && !std::ranges::all_of(bytes.substr(i, 8), is_field_byte)) return false;
  }
  return std::ranges::all_of(bytes.substr(i), is_field_byte);
}

}  // namespace tidegate::http
