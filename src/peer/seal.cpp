#include "peer/seal.hpp"

#include "attest/merkle.hpp"

namespace tidegate::peer {

Sealed seal(std::string_view label, std::string_view document, std::string_view link_secret) {
  const Sha256 leaf = attest::leaf_hash(label, document);
  std::string sealed(document);
  sealed += view(hmac_sha256(link_secret, view(leaf)));
  return {std::move(sealed), leaf};
}

std::optional<Unsealed> unseal(std::string_view label, std::string_view sealed,
                               std::string_view link_secret, std::size_t bytes_max) {
  if (sealed.size() < sizeof(Sha256) || sealed.size() > bytes_max || link_secret.empty()) {
    return std::nullopt;
  }
  const std::string_view document = sealed.substr(0, sealed.size() - sizeof(Sha256));
  const std::string_view mac = sealed.substr(document.size());
  const Sha256 leaf = attest::leaf_hash(label, document);
  if (!constant_time_equal(view(hmac_sha256(link_secret, view(leaf))), mac)) return std::nullopt;
  return Unsealed{document, leaf};
}

}  // namespace tidegate::peer
