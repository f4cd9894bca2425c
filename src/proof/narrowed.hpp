// Narrowed rows of given documents: every part of a row that a principal keeps to, at every source
// and for every destination, asked of the layers and of the oracle.
#pragma once

#include "gateway/documents.hpp"
#include "proof/prove.hpp"

namespace tidegate::proof {

// One principal's part of one profile's rows.
struct Narrowing {
  std::string principal, profile;
  Oracle::Names regions;
  Oracle::Names sources;                  // whose gateways take it: the part is inside of their row
  Oracle::Names refused;                  // ... refuse it, with all of the documents
  std::size_t requests = 0, allowed = 0;  // source that takes it, destination
};

// Violations of `report`: outside_subset (a layer lets a request leave the part), subset_widens (a
// source takes a part that is not inside of its row), layers_differ. Errors: configuration (a
// profile that the catalogue has not, or the oracle cannot read its document).
Result<std::vector<Narrowing>> prove_narrowed(
    const std::shared_ptr<const catalog::Catalog>& catalog, const gateway::Documents& documents,
    Report& report);

}  // namespace tidegate::proof
