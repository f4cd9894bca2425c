// From a record to the signatures of its attempts, which follow it in entries of many requests: a
// batch holds the leaves of all, so any one's inclusion path can be made from it.
#pragma once

#include <string>
#include <vector>

#include "attest/batch.hpp"
#include "audit/log.hpp"
#include "audit/newest_first.hpp"
#include "audit/segment.hpp"
#include "base/json.hpp"

namespace tidegate::audit {

// What of a record's attempts is, or will be, a leaf of somebody's batch.
struct AwaitedLeaf {
  attest::Of of = attest::Of::attestations;
  std::size_t attempt = 0;  // its place in attempts[]
  std::string region{};     // the destination
  Sha256 hash{};
  std::int64_t at_ms = 0;  // Unix time; about, of a token
};
std::vector<AwaitedLeaf> leaves_of(const json::object& document);

// Adds to attempts[] of the record that stands at `place`: "attestationState" ("attested",
// "pending", or "missing" after limits::attestation_overdue), and what proves it:
// "attestationProof" and "tokenProof", {batch, index, path}. Errors: audit_unavailable.
Result<void> join_batches(Disk& disk, const std::vector<SegmentInfo>& segments, const Place& place,
                          json::object& document, WallTime now);

Result<Unattested> find_unattested(Disk& disk, const std::vector<SegmentInfo>& segments);

// The service event of an alarm, and its member that lists leaves, base64url.
inline constexpr std::string_view attestation_missing_event = "AttestationMissing";
inline constexpr std::string_view missing_leaves_member = "leaves";

}  // namespace tidegate::audit
