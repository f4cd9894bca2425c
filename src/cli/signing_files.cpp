#include "cli/signing_files.hpp"

#include <openssl/crypto.h>

#include "cli/files.hpp"
#include "config/region.hpp"

namespace tidegate::cli {

Result<SigningFiles::Files> SigningFiles::read(WallTime now) const {
  if (config_.peers.empty()) return Files{};
  TRY(const std::string certificate,
      config::read_file(config_.peer_tls.certificate, limits::configuration_bytes_max));
  TRY(std::string key, config::read_file(credential_or(peer_key_credential, config_.peer_tls.key),
                                         limits::configuration_bytes_max));
  auto made = peer::endorse(config_.region.str(), key_.public_key(), certificate, key, now);
  OPENSSL_cleanse(key.data(), key.size());
  TRY(auto endorsed, std::move(made));
  auto bundles = std::make_shared<peer::TrustBundles>();
  for (const auto& peer : config_.peers) {
    TRY(const std::string pem,
        config::read_file(peer.trust_bundle, limits::configuration_bytes_max));
    TRY(auto bundle, peer::TrustBundle::from_pem(pem));
    bundles->emplace(peer.region.str(), std::move(bundle));
  }
  return Files{std::make_shared<const peer::Endorsement>(std::move(endorsed)), std::move(bundles)};
}

void SigningFiles::take(Files files) {
  std::scoped_lock lock(mutex_);
  files_ = std::move(files);
}

std::shared_ptr<const peer::Endorsement> SigningFiles::endorsement() const {
  std::scoped_lock lock(mutex_);
  return files_.endorsement;
}

Result<void> SigningFiles::check(const peer::Endorsement& endorsement) const {
  std::shared_ptr<const peer::TrustBundles> bundles;
  {
    std::scoped_lock lock(mutex_);
    bundles = files_.bundles;
  }
  static const peer::TrustBundles without_peers;
  return peer::check(bundles ? *bundles : without_peers, endorsement, config_.operator_domain);
}

}  // namespace tidegate::cli
