// A sealed document: its bytes (packed.hpp), then the HMAC-SHA-256 of their digest. The digest is
// the leaf that a document has in a tree that is signed (attest/merkle.hpp): a token is digested
// once for both. It covers a label too, so that one kind of document never passes for another under
// the same link secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace tidegate::peer {

struct Sealed {
  std::string bytes;
  Sha256 leaf{};
};
Sealed seal(std::string_view label, std::string document, const HmacKey& link_key);

// The document, its MAC checked; nullopt where it is not one, too long, or sealed under another
// key or label, and where there is no key.
struct Unsealed {
  std::string_view document;  // a part of `sealed`
  Sha256 leaf{};
};
std::optional<Unsealed> unseal(std::string_view label, std::string_view sealed,
                               const std::optional<HmacKey>& link_key, std::size_t bytes_max);

}  // namespace tidegate::peer
