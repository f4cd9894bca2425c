#include "peer/seal.hpp"

#include <bit>
#include <cstring>

#include "attest/merkle.hpp"

namespace tidegate::peer {
namespace {

// A block is seven bytes, or eight octets of seven bits each; the first is the highest of a word.
constexpr std::size_t block_bytes = 7, block_octets = 8;
constexpr std::uint64_t marks = 0x8080'8080'8080'8080;

// Up to eight bytes as the lowest of a word, and back.
std::uint64_t load(std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t word = 0;
  std::memcpy(reinterpret_cast<char*>(&word) + sizeof word - bytes.size(), bytes.data(),
              bytes.size());
  return std::byteswap(word);
}
void store(char* to, std::uint64_t word, std::size_t bytes) {
  word = std::byteswap(word);
  std::memcpy(to, reinterpret_cast<const char*>(&word) + sizeof word - bytes, bytes);
}

// 56 bits to eight times 0xxxxxxx, by halves; and back.
std::uint64_t spread(std::uint64_t x) {
  x = (x & 0x00ff'ffff'f000'0000) << 4 | (x & 0x0000'0000'0fff'ffff);
  x = (x & 0x0fff'c000'0fff'c000) << 2 | (x & 0x0000'3fff'0000'3fff);
  return (x & 0x3f80'3f80'3f80'3f80) << 1 | (x & 0x007f'007f'007f'007f);
}
std::uint64_t gather(std::uint64_t x) {
  x = (x & 0x7f00'7f00'7f00'7f00) >> 1 | (x & 0x007f'007f'007f'007f);
  x = (x & 0x3fff'0000'3fff'0000) >> 2 | (x & 0x0000'3fff'0000'3fff);
  return (x & 0x0fff'ffff'0000'0000) >> 4 | (x & 0x0000'0000'0fff'ffff);
}

}  // namespace

std::string to_obs_text(std::string_view bytes) {
  std::string out((bytes.size() * block_octets + block_bytes - 1) / block_bytes, '\0');
  char* to = out.data();
  for (; bytes.size() >= block_bytes; bytes.remove_prefix(block_bytes), to += block_octets) {
    store(to, spread(load(bytes.substr(0, block_bytes))) | marks, block_octets);
  }
  if (bytes.empty()) return out;
  const std::uint64_t rest = load(bytes) << 8 * (block_bytes - bytes.size());
  const std::size_t octets = bytes.size() + 1;
  store(to, (spread(rest) | marks) >> 8 * (block_octets - octets), octets);
  return out;
}

std::optional<std::string> from_obs_text(std::string_view text) {
  const std::size_t octets = text.size() % block_octets;  // of an unfinished block
  if (octets == 1) return std::nullopt;
  std::string out(text.size() * block_bytes / block_octets, '\0');
  char* to = out.data();
  std::uint64_t all = marks;
  for (; text.size() >= block_octets; text.remove_prefix(block_octets), to += block_bytes) {
    const std::uint64_t word = load(text.substr(0, block_octets));
    all &= word;
    store(to, gather(word & ~marks), block_bytes);
  }
  if (octets != 0) {
    const std::size_t bytes = octets - 1;
    const std::uint64_t padded = load(text) << 8 * (block_octets - octets);
    const std::uint64_t word = gather(padded & ~marks);
    const std::uint64_t unused = (std::uint64_t{1} << 8 * (block_bytes - bytes)) - 1;
    if ((word & unused) != 0) return std::nullopt;
    all &= padded | marks >> 8 * octets;
    store(to, word >> 8 * (block_bytes - bytes), bytes);
  }
  if ((all & marks) != marks) return std::nullopt;
  return out;
}

Sealed seal(std::string_view label, std::string_view document, std::string_view link_secret) {
  const Sha256 leaf = attest::leaf_hash(label, document);
  std::string sealed(document);
  sealed += view(hmac_sha256(link_secret, view(leaf)));
  return {std::move(sealed), leaf};
}

std::optional<Unsealed> unseal(std::string_view label, std::string_view sealed,
                               std::string_view link_secret, std::size_t bytes_max) {
  if (sealed.size() < sizeof(Sha256) || sealed.size() > bytes_max || link_secret.empty()) {
    return std::nullopt;
  }
  const std::string_view document = sealed.substr(0, sealed.size() - sizeof(Sha256));
  const std::string_view mac = sealed.substr(document.size());
  const Sha256 leaf = attest::leaf_hash(label, document);
  if (!constant_time_equal(view(hmac_sha256(link_secret, view(leaf))), mac)) return std::nullopt;
  return Unsealed{document, leaf};
}

}  // namespace tidegate::peer
