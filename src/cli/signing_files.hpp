// peer::SigningIdentity on the files of a Region's configuration: its key is made anew at each
// start and never leaves the process; the peer certificate endorses it.
#pragma once

#include <mutex>
#include <string>

#include "gateway/region_config.hpp"
#include "peer/signing.hpp"

namespace tidegate::cli {

class SigningFiles final : public peer::SigningIdentity {
 public:
  // Both must outlive it.
  SigningFiles(const gateway::RegionConfig& config, Rng& rng) : config_(config), key_(rng) {}
  struct Files {
    std::shared_ptr<const peer::Endorsement> endorsement;
    std::shared_ptr<const peer::TrustBundles> bundles;
  };
  // The certificate, its endorsement of the key, and the trust bundles; without peers there is
  // nothing to read. Errors: configuration.
  Result<Files> read(WallTime now) const;
  // In force from now on.
  void take(Files files);

  const attest::SigningKey& key() const override { return key_; }
  std::shared_ptr<const peer::Endorsement> endorsement() const override;
  Result<void> check(const peer::Endorsement& endorsement) const override;

 private:
  const gateway::RegionConfig& config_;
  const attest::SigningKey key_;
  mutable std::mutex mutex_;
  Files files_;
};

}  // namespace tidegate::cli
