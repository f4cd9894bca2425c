#include "peer/seal.hpp"

#include "attest/merkle.hpp"

namespace tidegate::peer {

Sealed seal(std::string_view label, std::string document, const HmacKey& link_key) {
  const Sha256 leaf = attest::leaf_hash(label, document);
  document += view(link_key.sign(view(leaf)));
  return {std::move(document), leaf};
}

std::optional<Unsealed> unseal(std::string_view label, std::string_view sealed,
                               const std::optional<HmacKey>& link_key, std::size_t bytes_max) {
  if (!link_key || sealed.size() < sizeof(Sha256) || sealed.size() > bytes_max) return std::nullopt;
  const std::string_view document = sealed.substr(0, sealed.size() - sizeof(Sha256));
  const std::string_view mac = sealed.substr(document.size());
  const Sha256 leaf = attest::leaf_hash(label, document);
  if (!constant_time_equal(view(link_key->sign(view(leaf))), mac)) return std::nullopt;
  return Unsealed{document, leaf};
}

}  // namespace tidegate::peer
