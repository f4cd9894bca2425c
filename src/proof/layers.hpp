// The layers of the fence, each asked whether one request could pass it: the code that runs in
// production, given the most favourable request that could be made up. What one layer refuses here,
// it refuses from anybody.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "catalog/catalog.hpp"
#include "gateway/resolve.hpp"
#include "peer/admission.hpp"
#include "peer/token.hpp"

namespace tidegate::proof {

// What a source that wants in would write: the claim fits `catalog` wherever it can, so that only
// the fence itself is left to refuse it. The destination is the caller's to fill in.
peer::RoutingToken best_token(const catalog::Catalog& catalog, const std::string& profile,
                              const catalog::RegionId& source);

// The source's side: the name becomes a row, the row's router places it, the signer lets it leave.
class SourceLayers {
 public:
  explicit SourceLayers(std::shared_ptr<const catalog::Catalog> catalog);
  // By the profile's id and by its ARN; both must come to the same row.
  Result<gateway::Target> resolve(const std::string& profile,
                                  const catalog::RegionId& source) const;
  // With room in `destination` and nowhere else: is it placed there? Errors: fence_refused.
  Result<void> place(const gateway::Target& target, const catalog::RegionId& destination);
  Result<void> sign(const peer::RoutingToken& token) const;

 private:
  gateway::Snapshot snapshot_;
  peer::TokenSigner signer_;
  SeededRng ties_{1};  // there is never more than one candidate
};

// The destination's side: the admission of every Region, with and without the grant of global
// profiles.
class DestinationLayers {
 public:
  explicit DestinationLayers(std::shared_ptr<const catalog::Catalog> catalog);
  // At the token's destination, which the catalogue must have. The token gets a new id.
  Result<void> admit(peer::RoutingToken& token);
  Result<void> admit_without_grant(peer::RoutingToken& token);

 private:
  struct Door {
    peer::Admission granted, not_granted;
  };
  Result<void> ask(const peer::Admission& admission, peer::RoutingToken& token);

  std::map<std::string, Door> doors_;  // by Region
  std::uint64_t asked_ = 0;
};

}  // namespace tidegate::proof
