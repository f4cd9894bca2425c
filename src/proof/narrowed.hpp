// Narrowed rows: every part of a row that a principal of given documents or an application profile
// keeps to, for every destination, asked of the layers and of the oracle. A principal's part is
// asked at every source, an application profile's at its own.
#pragma once

#include "gateway/documents.hpp"
#include "gateway/resolve.hpp"
#include "proof/prove.hpp"

namespace tidegate::proof {

inline constexpr std::size_t narrowings_told_max = 1'000;  // of a running Region; all are proven

// Somebody's part of one profile's rows.
struct Narrowing {
  std::string holder;  // the ARN of a principal or of an application profile
  std::string profile;
  std::string called;  // what a request of theirs names
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

// The same of application profiles whose tags narrow what they copy, in the Region that has them.
// `stored` is what is on disk: the oracle reads their tags by itself. `find` is what the gateway
// serves by; what differs is a violation (subset_widens), because whoever reads the tag believes
// it.
Result<std::vector<Narrowing>> prove_narrowed(
    const std::shared_ptr<const catalog::Catalog>& catalog,
    const std::vector<api::ApplicationProfile>& stored, const catalog::RegionId& source,
    const gateway::FindApplicationProfile& find, Report& report);

// The same of the principals of a running Region. `stored` is what is on disk, `served` what the
// gateway narrows requests by. Errors: as of the first.
Result<std::vector<Narrowing>> prove_narrowed(const gateway::Documents& stored,
                                              const gateway::Snapshot& served,
                                              const catalog::RegionId& source, Report& report);

}  // namespace tidegate::proof
