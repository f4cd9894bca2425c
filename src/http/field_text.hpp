// The bytes of a field's value (RFC 9110, section 5.5), the same over HTTP/1.1 and HTTP/2.
#pragma once

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

}  // namespace tidegate::http
