// Looks at the bytes of a text in blocks: heads of messages and the members of records are many
// short texts whose bytes nearly always are what they should be.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tidegate {

namespace byte_blocks_detail {
template <int Size>
using Block [[gnu::vector_size(Size)]] = signed char;

// Blocks from the front, and one that ends with the text: no byte is left over.
template <int Size, class Bad>
bool none(std::string_view text, Bad bad) {
  Block<Size> block;
  const auto bad_at = [&](const char* at) {
    std::memcpy(&block, at, sizeof block);
    return bad(block);
  };
  auto found = bad_at(text.data() + text.size() - Size);
  for (std::size_t at = 0; at + Size <= text.size(); at += Size) found |= bad_at(text.data() + at);
  std::array<std::uint64_t, Size / 8> words;
  std::memcpy(words.data(), &found, sizeof found);
  return std::ranges::all_of(words, [](std::uint64_t word) { return word == 0; });
}
}  // namespace byte_blocks_detail

// Whether `text` has no bad byte. `bad(bytes)` compares many at once, with | and & in place of ||
// and &&; a byte above 0x7f is negative.
template <class Bad>
bool has_none(std::string_view text, Bad bad) {
  if (text.size() >= 16) return byte_blocks_detail::none<16>(text, bad);
  if (text.size() >= 8) return byte_blocks_detail::none<8>(text, bad);
  if (text.empty()) return true;
  std::array<char, 8> filled;
  filled.fill(text.front());
  std::memcpy(filled.data(), text.data(), text.size());
  return byte_blocks_detail::none<8>({filled.data(), filled.size()}, bad);
}

}  // namespace tidegate
