// A gateway's part in signatures: the key that it signs with, and whose keys it believes.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "attest/batch.hpp"
#include "peer/endorsement.hpp"

namespace tidegate::peer {

// As a port: files in production, made certificates in tests. Thread-safe.
class SigningIdentity {
 public:
  virtual ~SigningIdentity() = default;
  virtual const attest::SigningKey& key() const = 0;
  // Of that key, by the certificate in force; null: this Region has no peers.
  virtual std::shared_ptr<const Endorsement> endorsement() const = 0;
  // Whether another Region's endorsement holds under its trust bundle. Errors: as
  // TrustBundle::check().
  virtual Result<void> check(const Endorsement& endorsement) const = 0;
};

// The keys that are believed. Thread-safe.
class KeyRing {
 public:
  using Check = std::function<Result<void>(const Endorsement&)>;
  explicit KeyRing(Check check) : check_(std::move(check)) {}

  // `of`: the only Region that it may be about, where not empty. Errors: malformed_json,
  // peer_unavailable, `why` saying what does not hold.
  Result<void> learn(std::string_view endorsement_json, std::string_view of = {});
  // After a change of the trust bundles: forgets what does not hold any more.
  void recheck();
  // The newest endorsement of the batch's key that covers its time. Errors: peer_unavailable.
  Result<std::shared_ptr<const Endorsement>> find(const attest::Batch& batch) const;

 private:
  Check check_;
  mutable std::mutex mutex_;
  std::uint64_t rechecks_ = 0;                             // begun
  std::vector<std::shared_ptr<const Endorsement>> known_;  // oldest first
};

}  // namespace tidegate::peer
