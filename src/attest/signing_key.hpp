// Ed25519 (RFC 8032). A gateway makes its key when it starts and keeps it in memory only; that it
// speaks for its Region is said by the Region's certificate (peer/endorsement.hpp).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/rng.hpp"

struct evp_pkey_st;  // OpenSSL's

namespace tidegate::attest {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

class SigningKey {
 public:
  explicit SigningKey(Rng& rng);                                  // a new one
  explicit SigningKey(const std::array<std::uint8_t, 32>& seed);  // RFC 8032's private key
  const PublicKey& public_key() const { return public_key_; }
  Signature sign(std::string_view text) const;  // thread-safe; some 45 us

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  std::unique_ptr<evp_pkey_st, Free> key_;
  PublicKey public_key_{};
};

bool signature_holds(const PublicKey& key, std::string_view text, const Signature& signature);

}  // namespace tidegate::attest
