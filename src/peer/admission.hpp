// The destination's own decision, by its own reading of its own catalogue: may this peer have this
// request run here? It shares no code with the source's router. Every refusal is a
// GeofenceViolation service event where it is noticed.
#pragma once

#include <memory>
#include <string>

#include "catalog/catalog.hpp"
#include "peer/identity.hpp"
#include "peer/token.hpp"

namespace tidegate::peer {

struct AdmissionQuestion {
  std::string_view peer_region;  // from the peer's certificate
  const RoutingToken& token;
  const Sha256& body_hash;  // of what really came
  WallTime now;
};

class Admission {
 public:
  Admission(std::shared_ptr<const catalog::Catalog> catalog, catalog::RegionId self,
            std::shared_ptr<ReplayTable> replay, bool global_profiles_granted);
  // Errors: fence_refused, its `why` naming the rule: source_mismatch, wrong_destination,
  // unknown_profile, row_version, global_not_granted, no_row, row_hash, not_in_row,
  // outside_geography, not_in_subset, subset_widens, model, body_hash, expired, replayed.
  // peer_capacity where the replay table is full.
  Result<void> admit(const AdmissionQuestion& question) const;
  const std::shared_ptr<const catalog::Catalog>& catalog() const { return catalog_; }
  // What admit() asks of the catalogue, by itself, for the proof: which row of this Region's own
  // catalogue the token names, of the version in force or an older one that is not revoked; and
  // whether this Region may take it.
  Result<NamedRow> row_of(const RoutingToken& token) const;
  Result<void> check_destination(const NamedRow& named, const RoutingToken& token) const;

 private:
  Result<void> check_request(const AdmissionQuestion& question) const;

  std::shared_ptr<const catalog::Catalog> catalog_;
  catalog::RegionId self_;
  std::shared_ptr<ReplayTable> replay_;
  bool global_profiles_granted_;
};

}  // namespace tidegate::peer
