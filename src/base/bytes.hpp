// Bytes, digests and their text forms. Byte strings are std::string (owned) and std::string_view
// (borrowed).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view data);
Sha256 hmac_sha256(std::string_view key, std::string_view data);
inline std::string_view view(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// The same digest over bytes that come in pieces. A plain value: a copy goes on from the same
// point.
class Sha256Hasher {
 public:
  Sha256Hasher();
  void update(std::string_view data);
  Sha256 finish();  // once

 private:
  alignas(8) std::array<std::uint8_t, 112> state_;  // OpenSSL's SHA256_CTX
};

// A key of HMAC-SHA-256 with its first blocks already digested: for a key that is used again.
class HmacKey {
 public:
  explicit HmacKey(std::string_view key);
  Sha256 sign(std::string_view data) const { return sign({data}); }
  Sha256 sign(std::initializer_list<std::string_view> parts) const;  // as if they were one

 private:
  Sha256Hasher inner_, outer_;
};

// The low `octets` (at most eight) of a number, the highest first.
inline void append_big_endian(std::string& out, std::uint64_t number, std::size_t octets) {
  static_assert(std::endian::native == std::endian::little);
  number = std::byteswap(number);
  out.append(reinterpret_cast<const char*>(&number) + sizeof number - octets, octets);
}

// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
inline std::string to_hex(const Sha256& digest) {
  return to_hex(view(digest));
}
// Writes 2 * bytes.size() digits to `to`.
void write_hex(std::string_view bytes, char* to);
inline void append_hex(std::string& out, std::string_view bytes) {
  out.resize(out.size() + 2 * bytes.size());
  write_hex(bytes, out.data() + out.size() - 2 * bytes.size());
}
std::optional<std::string> from_hex(std::string_view text);
std::optional<Sha256> sha256_from_hex(std::string_view text);  // of exactly 64 digits

// RFC 4648: with padding (section 4), and URL-safe without padding (section 5).
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);
std::string to_base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

// Takes the same time whatever the contents; different lengths are different at once.
bool constant_time_equal(std::string_view a, std::string_view b);

// Equal but for the case of ASCII letters.
inline bool iequals_ascii(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const int low = a[i] | 0x20;
    if (low != (b[i] | 0x20) || low < 'a' || low > 'z') return false;
  }
  return true;
}
std::string to_lower_ascii(std::string_view text);
bool is_valid_utf8(std::string_view text);

}  // namespace tidegate
