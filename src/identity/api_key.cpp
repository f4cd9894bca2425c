#include "identity/api_key.hpp"

namespace tidegate::identity {

std::string make_api_key(Rng& rng) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t characters = 43;  // of 5.95 bits
  std::string text = "tgk_";
  for (std::size_t i = 0; i < characters; ++i) text += alphabet[rng.below(alphabet.size())];
  return text;
}

// AWS's ids of service-specific credentials begin with ACCA and have 21 characters of base 32.
std::string api_key_id(const Sha256& digest) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id = "ACCA";
  for (std::size_t i = 0; id.size() < 21; ++i) id += alphabet[digest[i] % alphabet.size()];
  return id;
}

}  // namespace tidegate::identity
