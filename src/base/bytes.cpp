#include "base/bytes.hpp"

// SHA-256 of short texts is on every request's path. OpenSSL's EVP calls cost more than the digest
// there (a context on the heap, look-ups, checks), its plain ones do not.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/byte_blocks.hpp"

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
  for (; i + 3 <= in.size(); i += 3, to += 4) {
    const std::uint32_t v = (byte(i) << 16) | (byte(i + 1) << 8) | byte(i + 2);
    const std::array four{alphabet[v >> 18], alphabet[(v >> 12) & 63], alphabet[(v >> 6) & 63],
                          alphabet[v & 63]};
    std::memcpy(to, four.data(), four.size());
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
  const auto value = [&](char c) -> int { return values[static_cast<std::uint8_t>(c)]; };
  for (; in.size() >= 4; in.remove_prefix(4), to += 3) {
    const int a = value(in[0]), b = value(in[1]), c = value(in[2]), d = value(in[3]);
    if ((a | b | c | d) < 0) return std::nullopt;
    const int v = a << 18 | b << 12 | c << 6 | d;
    const std::array three{static_cast<char>(v >> 16), static_cast<char>(v >> 8),
                           static_cast<char>(v)};
    std::memcpy(to, three.data(), three.size());
  }
  int bits = 0, have = 0;
  for (const char c : in) {
    const int v = value(c);
    if (v < 0) return std::nullopt;
    bits = bits << 6 | v;
    have += 6;
    if (have >= 8) {
      have -= 8;
      *to++ = static_cast<char>(bits >> have);
    }
  }
  if ((bits & ((1 << have) - 1)) != 0) return std::nullopt;
  return out;
}

static_assert(sizeof(SHA256_CTX) == 112 && alignof(SHA256_CTX) <= 8);

SHA256_CTX* context(std::array<std::uint8_t, 112>& state) {
  return reinterpret_cast<SHA256_CTX*>(state.data());
}

}  // namespace

Sha256 sha256(std::string_view data) {
  Sha256Hasher hasher;
  hasher.update(data);
  return hasher.finish();
}

Sha256Hasher::Sha256Hasher() {
  SHA256_Init(context(state_));
}
void Sha256Hasher::update(std::string_view data) {
  SHA256_Update(context(state_), data.data(), data.size());
}
Sha256 Sha256Hasher::finish() {
  Sha256 out;
  SHA256_Final(out.data(), context(state_));
  return out;
}

// RFC 2104.
HmacKey::HmacKey(std::string_view key) {
  std::array<std::uint8_t, 64> block{};
  if (key.size() > block.size()) {
    const Sha256 short_key = sha256(key);
    std::copy(short_key.begin(), short_key.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  const std::string_view bytes(reinterpret_cast<const char*>(block.data()), block.size());
  for (auto& b : block) b ^= 0x36;
  inner_.update(bytes);
  for (auto& b : block) b ^= 0x36 ^ 0x5c;
  outer_.update(bytes);
  OPENSSL_cleanse(block.data(), block.size());
}

Sha256 HmacKey::sign(std::initializer_list<std::string_view> parts) const {
  Sha256Hasher inner = inner_, outer = outer_;
  for (const std::string_view part : parts) inner.update(part);
  outer.update(view(inner.finish()));
  return outer.finish();
}

Sha256 hmac_sha256(std::string_view key, std::string_view data) {
  return HmacKey(key).sign(data);
}

namespace {
using SixteenBytes [[gnu::vector_size(16)]] = std::uint8_t;

// Of numbers below 16.
SixteenBytes hex_of(SixteenBytes v) {
  const auto is_letter = reinterpret_cast<SixteenBytes>(v > 9);  // all bits set
  return v + '0' + (is_letter & ('a' - '9' - 1));
}
}  // namespace

void write_hex(std::string_view bytes, char* to) {
  for (SixteenBytes v; bytes.size() >= sizeof v; bytes.remove_prefix(sizeof v)) {
    std::memcpy(&v, bytes.data(), sizeof v);
    const SixteenBytes high = hex_of(v >> 4), low = hex_of(v & 15);
    const SixteenBytes digits[] = {
        __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
        __builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                31)};
    std::memcpy(to, digits, sizeof digits);
    to += sizeof digits;
  }
  for (const char c : bytes) {
    const auto b = static_cast<std::uint8_t>(c);
    *to++ = hex_digits[b >> 4];
    *to++ = hex_digits[b & 15];
  }
}

std::string to_hex(std::string_view bytes) {
  std::string out(bytes.size() * 2, '\0');
  write_hex(bytes, out.data());
  return out;
}

namespace {
constexpr auto hex_values = [] {
  std::array<std::uint8_t, 256> values;
  values.fill(0xff);
  for (std::uint8_t v = 0; v < 16; ++v) values[static_cast<unsigned char>(hex_digits[v])] = v;
  for (std::uint8_t v = 10; v < 16; ++v) values[static_cast<unsigned char>('A' + v - 10)] = v;
  return values;
}();

// False where a digit is none.
bool read_hex(std::string_view text, char* to) {
  std::uint8_t all = 0;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const std::uint8_t high = hex_values[static_cast<unsigned char>(text[i])];
    const std::uint8_t low = hex_values[static_cast<unsigned char>(text[i + 1])];
    all |= high | low;
    *to++ = static_cast<char>(high << 4 | low);
  }
  return all < 16;
}
}  // namespace

std::optional<std::string> from_hex(std::string_view text) {
  std::string out(text.size() / 2, '\0');
  if (text.size() % 2 != 0 || !read_hex(text, out.data())) return std::nullopt;
  return out;
}

std::optional<Sha256> sha256_from_hex(std::string_view text) {
  Sha256 digest;
  if (text.size() != 2 * digest.size() || !read_hex(text, reinterpret_cast<char*>(digest.data())))
    return std::nullopt;
  return digest;
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

std::string to_lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view text) {
  constexpr std::size_t name_bytes = 64;  // nearly always all ASCII
  if (text.size() <= name_bytes && has_none(text, [](auto v) { return v < 0; })) return true;
  for (std::size_t i = 0; i < text.size();) {
    constexpr std::uint64_t highs = 0x8080'8080'8080'8080;
    if (std::array<std::uint64_t, 4> words; text.size() - i >= sizeof words) {
      std::memcpy(words.data(), text.data() + i, sizeof words);
      if (((words[0] | words[1] | words[2] | words[3]) & highs) == 0) {
        i += sizeof words;
        continue;
      }
    }
    if (std::uint64_t word = 0; text.size() - i >= sizeof word) {
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((word & highs) == 0) {
        i += sizeof word;
        continue;
      }
    }
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
