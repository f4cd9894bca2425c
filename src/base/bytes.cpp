#include "base/bytes.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

namespace tidegate {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";
constexpr char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum class Padding { with, without };

std::string encode64(std::string_view in, const char* alphabet, Padding padding) {
  const std::size_t rest = in.size() % 3;
  const std::size_t size = padding == Padding::with
                               ? (in.size() + 2) / 3 * 4
                               : in.size() / 3 * 4 + (rest == 0 ? 0 : rest + 1);
  std::string out(size, '=');
  char* to = out.data();
  std::size_t i = 0;
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(in[at]); };
  for (; i + 3 <= in.size(); i += 3) {
    const std::uint32_t v = (byte(i) << 16) | (byte(i + 1) << 8) | byte(i + 2);
    *to++ = alphabet[v >> 18];
    *to++ = alphabet[(v >> 12) & 63];
    *to++ = alphabet[(v >> 6) & 63];
    *to++ = alphabet[v & 63];
  }
  if (rest > 0) {
    const std::uint32_t v = (byte(i) << 16) | (rest == 2 ? byte(i + 1) << 8 : 0);
    *to++ = alphabet[v >> 18];
    *to++ = alphabet[(v >> 12) & 63];
    if (rest == 2) *to++ = alphabet[(v >> 6) & 63];
  }
  return out;
}

// The value of each character, -1 for those outside the alphabet.
constexpr std::array<std::int8_t, 256> values_of(const char* alphabet) {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (int i = 0; i < 64; ++i) {
    values[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto base64_values = values_of(base64_alphabet);
constexpr auto base64url_values = values_of(base64url_alphabet);

// Strict: no white space, no stray bits in the last character.
std::optional<std::string> decode64(std::string_view in, const std::array<std::int8_t, 256>& values,
                                    Padding padding) {
  if (padding == Padding::with) {
    if (in.size() % 4 != 0) return std::nullopt;
    for (int i = 0; i < 2 && !in.empty() && in.back() == '='; ++i) in.remove_suffix(1);
  }
  if (in.size() % 4 == 1) return std::nullopt;
  std::string out(in.size() * 6 / 8, '\0');
  char* to = out.data();
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : in) {
    const std::int8_t v = values[static_cast<std::uint8_t>(c)];
    if (v < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(v);
    have += 6;
    if (have >= 8) {
      have -= 8;
      *to++ = static_cast<char>((bits >> have) & 0xff);
    }
  }
  if ((bits & ((1u << have) - 1)) != 0) return std::nullopt;
  return out;
}

// Looked up once: OpenSSL 3 searches its providers at each SHA256() and EVP_sha256().
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

}  // namespace

Sha256 sha256(std::string_view data) {
  Sha256 out;
  if (EVP_Digest(data.data(), data.size(), out.data(), nullptr, sha256_algorithm(), nullptr) != 1) {
    std::abort();
  }
  return out;
}

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex2(context_.get(), sha256_algorithm(), nullptr) != 1) {
    std::abort();
  }
}
void Sha256Hasher::update(std::string_view data) {
  EVP_DigestUpdate(context_.get(), data.data(), data.size());
}
Sha256 Sha256Hasher::finish() {
  Sha256 out;
  EVP_DigestFinal_ex(context_.get(), out.data(), nullptr);
  return out;
}
void Sha256Hasher::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

// RFC 2104, on the one-shot digest: OpenSSL 3's HMAC() looks its algorithm up at each call, which
// costs more than the digests of a SigV4 key derivation together.
Sha256 hmac_sha256(std::string_view key, std::string_view data) {
  std::array<std::uint8_t, 64> inner{};
  if (key.size() > inner.size()) {
    const Sha256 short_key = sha256(key);
    std::copy(short_key.begin(), short_key.end(), inner.begin());
  } else {
    std::copy(key.begin(), key.end(), inner.begin());
  }
  std::array<std::uint8_t, 64> outer = inner;
  for (auto& b : inner) b ^= 0x36;
  for (auto& b : outer) b ^= 0x5c;
  std::string first(reinterpret_cast<const char*>(inner.data()), inner.size());
  first += data;
  const Sha256 digest = sha256(first);
  std::string second(reinterpret_cast<const char*>(outer.data()), outer.size());
  second += view(digest);
  const Sha256 out = sha256(second);
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
  OPENSSL_cleanse(first.data(), 64);
  OPENSSL_cleanse(second.data(), 64);
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto b = static_cast<std::uint8_t>(bytes[i]);
    out[2 * i] = hex_digits[b >> 4];
    out[2 * i + 1] = hex_digits[b & 15];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  const auto value = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out(text.size() / 2, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = value(text[2 * i]);
    const int low = value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  return encode64(bytes, base64_alphabet, Padding::with);
}
std::optional<std::string> from_base64(std::string_view text) {
  return decode64(text, base64_values, Padding::with);
}
std::string to_base64url(std::string_view bytes) {
  return encode64(bytes, base64url_alphabet, Padding::without);
}
std::optional<std::string> from_base64url(std::string_view text) {
  return decode64(text, base64url_values, Padding::without);
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool iequals_ascii(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return lower(x) == lower(y); });
}

std::string to_lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<std::uint8_t>(text[k]); };
    const std::uint8_t lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    const std::uint8_t second = byte(i + 1);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
        (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
      return false;
    }
    i += length;
  }
  return true;
}

}  // namespace tidegate
