#include "base/rng.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <cstring>

#include "base/bytes.hpp"

namespace tidegate {

void SystemRng::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    if (left_ == 0) {
      if (RAND_bytes(pool_, sizeof pool_) != 1) std::abort();  // no randomness: nothing may go on
      left_ = sizeof pool_;
    }
    const std::size_t take = std::min(left_, out.size());
    std::uint8_t* from = pool_ + sizeof pool_ - left_;
    std::memcpy(out.data(), from, take);
    OPENSSL_cleanse(from, take);
    left_ -= take;
    out = out.subspan(take);
  }
}

void SeededRng::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    const std::size_t take = std::min(sizeof z, out.size());
    std::memcpy(out.data(), &z, take);
    out = out.subspan(take);
  }
}

std::string make_uuid(Rng& rng) {
  std::uint8_t bytes[16];
  rng.fill(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  char digits[32];
  write_hex({reinterpret_cast<const char*>(bytes), sizeof bytes}, digits);
  std::string out(36, '-');
  char* to = out.data();
  const char* from = digits;
  for (const std::size_t size : {8, 4, 4, 4, 12}) {
    std::memcpy(to, from, size);
    from += size;
    to += size + 1;
  }
  return out;
}

}  // namespace tidegate
