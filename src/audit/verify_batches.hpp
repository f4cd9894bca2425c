// Checks what Regions signed, with the files of a log and somebody's word on keys: each batch's
// signature, its root, and that every attestation and every token of a record is a leaf of one
// that the right Region signed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attest/batch.hpp"
#include "audit/log.hpp"

namespace tidegate::audit {

// Which keys are whose. Asked in the order of the log.
class KeyTrust {
 public:
  virtual ~KeyTrust() = default;
  // An endorsement that stands in the log. Errors: why it is not believed.
  virtual Result<void> learn(std::string_view endorsement_json) = 0;
  // Whether a believed endorsement says that the batch's key is its Region's at its time. Errors:
  // why not.
  virtual Result<void> vouches_for(const attest::Batch& batch) const = 0;
};

struct BatchReport {
  std::uint64_t batches = 0, endorsements = 0;
  struct Count {
    std::uint64_t proven = 0;
    std::uint64_t pending = 0;  // limits::attestation_overdue has not passed by the log's end
    std::uint64_t missing = 0;
  };
  Count attestations, tokens;
  // Leaves that no record has (answers that did not arrive whole), or that were not their signer's
  // to sign.
  std::uint64_t unrecorded = 0;
  std::vector<std::string> findings;  // sentences; at most limits::verify_findings_max
  bool holds() const { return findings.empty(); }
};

Result<BatchReport> verify_batches(Disk& disk, KeyTrust& trust);

}  // namespace tidegate::audit
