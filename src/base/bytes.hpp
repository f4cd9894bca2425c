// Bytes, digests and their text forms. Byte strings are std::string (owned) and std::string_view
// (borrowed).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace tidegate {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view data);
Sha256 hmac_sha256(std::string_view key, std::string_view data);
inline std::string_view view(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// The same digest over bytes that come in pieces.
class Sha256Hasher {
 public:
  Sha256Hasher();
  void update(std::string_view data);
  Sha256 finish();  // once

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
inline std::string to_hex(const Sha256& digest) {
  return to_hex(view(digest));
}
std::optional<std::string> from_hex(std::string_view text);

// RFC 4648: with padding (section 4), and URL-safe without padding (section 5).
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);
std::string to_base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

// Takes the same time whatever the contents; different lengths are different at once.
bool constant_time_equal(std::string_view a, std::string_view b);

bool iequals_ascii(std::string_view a, std::string_view b);
std::string to_lower_ascii(std::string_view text);
bool is_valid_utf8(std::string_view text);

}  // namespace tidegate
