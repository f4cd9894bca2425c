#include "peer/packed.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace tidegate::peer {

void Packer::text(std::string_view text) {
  const std::string_view whole = text.substr(0, UINT16_MAX);
  append_big_endian(out_, whole.size(), 2);
  out_ += whole;
}

void Packer::texts(const std::vector<std::string>& texts) {
  count(texts.size());
  for (const std::string& one : texts) text(one);
}

std::string_view Unpacker::take(std::size_t octets) {
  good_ = good_ && in_.size() >= octets;
  if (!good_) return {};
  const std::string_view taken = in_.substr(0, octets);
  in_.remove_prefix(octets);
  return taken;
}

std::uint64_t Unpacker::read(int octets) {
  std::uint64_t number = 0;
  for (const char octet : take(static_cast<std::size_t>(octets)))
    number = number << 8 | static_cast<std::uint8_t>(octet);
  return number;
}

void Unpacker::digest(Sha256& digest) {
  std::ranges::copy(take(digest.size()), digest.begin());
}

std::string_view Unpacker::text() {
  const std::string_view text = take(read(2));
  good_ = good_ && text.size() <= limits::packed_text_bytes_max && is_valid_utf8(text);
  return good_ ? text : std::string_view();
}

std::size_t Unpacker::count(std::size_t count_max) {
  const std::uint64_t count = read(2);
  good_ = good_ && count <= count_max;
  return good_ ? count : 0;
}

void Unpacker::texts(std::vector<std::string>& texts) {
  for (std::size_t left = count(limits::packed_texts_max); good_ && left > 0; --left)
    text(texts.emplace_back());
}

}  // namespace tidegate::peer
