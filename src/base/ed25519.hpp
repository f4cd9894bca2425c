// Ed25519 (RFC 8032): signatures that anybody can check offline. About 45 us to sign and 120 us to
// verify, so nothing here is for each request.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace tidegate {

// A public key: its 32 bytes.
class Ed25519PublicKey {
 public:
  static constexpr std::size_t size = 32, signature_size = 64;
  // Exactly `size` bytes.
  static std::optional<Ed25519PublicKey> from_bytes(std::string_view bytes);
  // PEM, "BEGIN PUBLIC KEY". Errors: configuration.
  static Result<Ed25519PublicKey> from_pem(std::string_view pem);
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }
  // The first 16 hex digits of the SHA-256 of its bytes: a name for it, not a proof.
  std::string id() const { return to_hex(sha256(bytes())).substr(0, 16); }
  bool verify(std::string_view message, std::string_view signature) const;
  friend bool operator==(const Ed25519PublicKey&, const Ed25519PublicKey&) = default;

 private:
  std::array<char, size> bytes_{};
};

struct Ed25519Pem {
  std::string private_key, public_key;
};
// A new key. Errors: internal (OpenSSL's random numbers failed).
Result<Ed25519Pem> make_ed25519_key();

// 64 bytes, by a private key in PEM. Errors: configuration (not such a key).
struct Ed25519Signature {
  Ed25519PublicKey key;
  std::string bytes;
};
Result<Ed25519Signature> sign_ed25519(std::string_view private_pem, std::string_view message);

}  // namespace tidegate
