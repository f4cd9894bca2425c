// A sealed document: its bytes (packed.hpp), then the HMAC-SHA-256 of their digest, seven bits to
// an octet above 0x7f. The digest is the leaf that a document has in a tree that is signed
// (attest/merkle.hpp): a token is digested once for both. It covers a label too, so that one kind
// of document never passes for another under the same link secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace tidegate::peer {

// Octets above 0x7f are good in a field value (RFC 9110, section 5.5: obs-text), and their Huffman
// codes are the longest of HPACK's, so that both ends of a link copy them as they stand. In base64,
// coding and decoding a token a bit at a time cost more than its MAC.
std::string to_obs_text(std::string_view bytes);
// nullopt: not what to_obs_text() writes.
std::optional<std::string> from_obs_text(std::string_view text);

struct Sealed {
  std::string wire;
  Sha256 leaf{};
};
Sealed seal(std::string_view label, std::string_view document, std::string_view link_secret);

// The document, its MAC checked; nullopt where it is not one, too long, or sealed under another
// secret or label.
struct Unsealed {
  std::string document;
  Sha256 leaf{};
};
std::optional<Unsealed> unseal(std::string_view label, std::string_view wire,
                               std::string_view link_secret, std::size_t bytes_max);

}  // namespace tidegate::peer
