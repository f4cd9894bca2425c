#include "base/ed25519.hpp"

#include <openssl/pem.h>

#include <algorithm>

#include "base/openssl.hpp"

namespace tidegate {
namespace {

using openssl::Bio, openssl::DigestContext, openssl::Key;

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Bio reading(std::string_view pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::unexpected<Error> no_key(std::string_view kind) {
  return fail(
      ErrorCode::configuration, std::string("it is not an Ed25519 ") + std::string(kind),
      "make a pair with tidegate catalog keygen, or with openssl genpkey -algorithm ed25519");
}

int no_passphrase(char*, int, int, void*) {
  return -1;  // nobody is asked at a terminal
}

std::optional<Ed25519PublicKey> raw_public(EVP_PKEY* key) {
  if (!key || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) return std::nullopt;
  std::string bytes(Ed25519PublicKey::size, '\0');
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1)
    return std::nullopt;
  return Ed25519PublicKey::from_bytes(bytes);
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::optional<Ed25519PublicKey> Ed25519PublicKey::from_bytes(std::string_view bytes) {
  if (bytes.size() != size) return std::nullopt;
  Ed25519PublicKey out;
  std::ranges::copy(bytes, out.bytes_.begin());
  return out;
}

Result<Ed25519PublicKey> Ed25519PublicKey::from_pem(std::string_view pem) {
  const Bio memory = reading(pem);
  const Key key(PEM_read_bio_PUBKEY(memory.get(), nullptr, no_passphrase, nullptr));
  const auto out = raw_public(key.get());
  if (!out) return no_key("public key in PEM");
  return *out;
}

bool Ed25519PublicKey::verify(std::string_view message, std::string_view signature) const {
  if (signature.size() != signature_size) return false;
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(bytes()), size));
  const DigestContext digest(EVP_MD_CTX_new());
  return key && digest &&
         EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(digest.get(), octets(signature), signature.size(), octets(message),
                          message.size()) == 1;
}

Result<Ed25519Pem> make_ed25519_key() {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio secret(BIO_new(BIO_s_secmem()));
  const Bio open(BIO_new(BIO_s_mem()));
  if (!key || !secret || !open ||
      PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1 ||
      PEM_write_bio_PUBKEY(open.get(), key.get()) != 1) {
    return fail(ErrorCode::internal, "OpenSSL could not make an Ed25519 key");
  }
  return Ed25519Pem{.private_key = text_of(secret.get()), .public_key = text_of(open.get())};
}

Result<Ed25519Signature> sign_ed25519(std::string_view private_pem, std::string_view message) {
  const Bio memory = reading(private_pem);
  const Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr));
  const auto own = raw_public(key.get());
  if (!own) return no_key("private key in PEM without a passphrase");
  const DigestContext digest(EVP_MD_CTX_new());
  std::string signature(Ed25519PublicKey::signature_size, '\0');
  std::size_t size = signature.size();
  if (!digest || EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     octets(message), message.size()) != 1) {
    return fail(ErrorCode::internal, "OpenSSL could not sign");
  }
  return Ed25519Signature{.key = *own, .bytes = std::move(signature)};
}

}  // namespace tidegate
