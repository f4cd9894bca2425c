#include "attest/signing_key.hpp"

#include <stdexcept>

#include "base/ed25519.hpp"
#include "base/openssl.hpp"

namespace tidegate::attest {
namespace {

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::array<std::uint8_t, 32> random_seed(Rng& rng) {
  std::array<std::uint8_t, 32> seed;
  rng.fill(seed);
  return seed;
}

}  // namespace

void SigningKey::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

SigningKey::SigningKey(Rng& rng) : SigningKey(random_seed(rng)) {}

SigningKey::SigningKey(const std::array<std::uint8_t, 32>& seed)
    : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size())) {
  std::size_t size = public_key_.size();
  if (!key_ || EVP_PKEY_get_raw_public_key(key_.get(), public_key_.data(), &size) != 1) {
    throw std::runtime_error("this OpenSSL has no Ed25519");
  }
}

Signature SigningKey::sign(std::string_view text) const {
  Signature out;
  std::size_t size = out.size();
  const openssl::DigestContext context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), out.data(), &size, bytes(text), text.size()) != 1) {
    throw std::runtime_error("Ed25519 cannot sign");
  }
  return out;
}

bool signature_holds(const PublicKey& key, std::string_view text, const Signature& signature) {
  const auto read =
      Ed25519PublicKey::from_bytes({reinterpret_cast<const char*>(key.data()), key.size()});
  return read &&
         read->verify(text, {reinterpret_cast<const char*>(signature.data()), signature.size()});
}

}  // namespace tidegate::attest
