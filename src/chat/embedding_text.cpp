#include "chat/embedding_text.hpp"

#include <fmt/format.h>

#include <bit>
#include <iterator>

#include "base/json.hpp"

namespace tidegate::chat {

void append_vector(std::string& out, std::span<const float> vector) {
  out += '[';
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    fmt::format_to(std::back_inserter(out), "{}", vector[i]);
  }
  out += ']';
}

std::string packed_floats(std::span<const float> vector) {
  std::string out;
  out.reserve(vector.size() * sizeof(float));
  for (const float value : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift & 0xff);
  }
  return out;
}

void append_bits(std::string& out, std::span<const float> vector, BitSign sign) {
  out += '[';
  for (std::size_t at = 0; at < vector.size(); at += 8) {
    int byte = 0;
    for (std::size_t bit = 0; bit < 8; ++bit) {
      const bool set = at + bit < vector.size() && vector[at + bit] > 0;
      byte = byte << 1 | (set ? 1 : 0);
    }
    if (at > 0) out += ',';
    json::append_number(out, sign == BitSign::signed_bytes ? byte - 128 : byte);
  }
  out += ']';
}

}  // namespace tidegate::chat
