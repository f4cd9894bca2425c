// From a record to the signatures of its attempts, which follow it in entries of many requests: a
// batch holds the leaves of all, so any one's inclusion path can be made from it.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "attest/batch.hpp"
#include "audit/frame.hpp"
#include "audit/log.hpp"
#include "audit/newest_first.hpp"
#include "audit/segment.hpp"
#include "base/json.hpp"

namespace tidegate::audit {

// Whose batch settles a leaf: an attestation is the destination's to sign, for the source; a token
// the source's, for the destination. Anybody can put a leaf that he knows into a batch of his own,
// and a believed key does not make that a proof of what another Region did.
struct Duty {
  attest::Of of = attest::Of::attestations;
  std::string signer{}, peer{};  // Regions
  static Duty of_batch(const attest::Batch& batch) { return {batch.of, batch.region, batch.peer}; }
  auto operator<=>(const Duty&) const = default;
};

// What of a record's attempts is, or will be, a leaf of a batch.
struct AwaitedLeaf {
  Duty duty{};
  std::size_t attempt = 0;  // its place in attempts[]
  std::string region{};     // the destination
  Sha256 hash{};
};
std::vector<AwaitedLeaf> leaves_of(const json::object& document);

// Microseconds since 1970 when the record's answer was over, by the clock of the Region whose log
// it is. The statement's own time has no part in this: its signer could put off every alarm.
std::int64_t ended_at(const Frame& frame, const json::object& document);

// Adds to attempts[] of the record `frame`, which stands at `place`: "attestationState"
// ("attested", "pending", or "missing" after limits::attestation_overdue), and what proves it:
// "attestationProof" and "tokenProof", {batch, index, path}. Errors: audit_unavailable.
Result<void> join_batches(Disk& disk, const std::vector<SegmentInfo>& segments, const Place& place,
                          const Frame& frame, json::object& document, WallTime now);

Result<Unattested> find_unattested(Disk& disk, const std::vector<SegmentInfo>& segments);

// The service event of an alarm, and its member that lists leaves, base64url.
inline constexpr std::string_view attestation_missing_event = "AttestationMissing";
inline constexpr std::string_view missing_leaves_member = "leaves";
inline constexpr std::string_view missing_of_member = "of";
inline constexpr std::string_view missing_peer_member = "peer";

}  // namespace tidegate::audit
