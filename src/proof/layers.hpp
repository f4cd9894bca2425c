// The layers of the fence, each asked whether one request could pass it: the code that runs in
// production, given the most favourable request that could be made up. What one layer refuses here,
// it refuses from anybody.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/rng.hpp"
#include "catalog/catalog.hpp"
#include "gateway/resolve.hpp"
#include "peer/admission.hpp"
#include "peer/token.hpp"

namespace tidegate::proof {

// What a source that wants in would write for a version of a profile: the claim fits `profile`
// (null: the catalogue has no such version) wherever it can, so that only the fence itself is left
// to refuse it. Source, row hash and destination are the caller's to fill in.
peer::RoutingToken best_token(const std::string& profile_id, const std::string& model_id,
                              const catalog::Profile* profile);

// The source's side: the name becomes a row, the row's router places it, the signer lets it leave.
class SourceLayers {
 public:
  explicit SourceLayers(std::shared_ptr<const catalog::Catalog> catalog);
  // By the profile's id and by its ARN; both must come to the same row.
  Result<gateway::Target> resolve(const std::string& profile,
                                  const catalog::RegionId& source) const;
  // By an application profile's ARN, with what its tags leave of the row.
  Result<gateway::Target> resolve(const api::ApplicationProfile& application,
                                  const catalog::RegionId& source,
                                  const gateway::FindApplicationProfile& find) const;
  // With room in `destination` and nowhere else: is it placed there? Errors: fence_refused.
  Result<void> place(const gateway::Target& target, const catalog::RegionId& destination);
  // Where place() places it, asked of every Region of the catalogue, in their order. The router
  // sees nothing of a row but its source and its destinations, so rows that agree in both are asked
  // about once.
  const std::vector<bool>& placements(const gateway::Target& target);
  const peer::TokenSigner& signer() const { return signer_; }
  // The whole of it, with its MAC.
  Result<void> sign(const peer::RoutingToken& token) const;

 private:
  gateway::Snapshot snapshot_;
  peer::TokenSigner signer_;
  SeededRng ties_{1};  // there is never more than one candidate
  std::unordered_map<std::string, std::vector<bool>> placed_;  // by source and destinations
};

// The destination's side: the admission of every Region, with and without the grant of global
// profiles.
class DestinationLayers {
 public:
  // `tokens_max`: how many are let in whole.
  DestinationLayers(std::shared_ptr<const catalog::Catalog> catalog, std::size_t tokens_max);
  // By its place among the catalogue's Regions.
  const peer::Admission& door(std::size_t region) const { return doors_[region].granted; }
  const peer::Admission& door_without_grant() const { return doors_.front().not_granted; }
  // The whole of it, replay table and all. The token gets a new id.
  Result<void> admit(std::size_t region, peer::RoutingToken& token);

 private:
  struct Door {
    peer::Admission granted, not_granted;
  };

  std::vector<Door> doors_;  // in the order of the catalogue's Regions
  std::uint64_t asked_ = 0;
};

}  // namespace tidegate::proof
