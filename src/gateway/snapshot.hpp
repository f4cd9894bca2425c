// Everything that decides about a request and can change while the gateway runs, as one immutable,
// versioned value. A request keeps the snapshot it started with.
#pragma once

#include <memory>

#include "catalog/catalog.hpp"
#include "gateway/documents.hpp"
#include "gateway/region_config.hpp"
#include "identity/principal.hpp"
#include "peer/admission.hpp"
#include "policy/policy.hpp"

namespace tidegate::gateway {

// A catalogue, and the bundle that brought it: its epoch (0: the built-in library) and address.
struct CatalogInForce {
  std::shared_ptr<const catalog::Catalog> catalog;
  std::uint64_t epoch = 0;
  std::string sha256 = {};
};

struct Snapshot {
  std::uint64_t version = 0;  // of the documents
  std::shared_ptr<const catalog::Catalog> catalog;
  std::uint64_t catalog_epoch = 0;
  std::string bundle_sha256;
  std::shared_ptr<const peer::Admission> admission;  // by this very catalogue
  identity::KeyTable keys{{}, {}};
  policy::PolicyTable policies;
  std::map<std::string, catalog::Row, std::less<>>
      in_region_rows;  // for bare ids, by model that runs here

  // Parts of rows that principals keep to here, by ARN and by profile.
  using NarrowedRows =
      std::map<std::string, std::shared_ptr<const catalog::RowSubset>, std::less<>>;
  std::map<std::string, NarrowedRows, std::less<>> narrowed_rows;

  // The documents that a principal carries, in its order; one that does not exist cannot be there
  // (build checks).
  std::vector<const policy::PolicyDocument*> policies_of(
      const identity::PrincipalRecord& principal) const;

  // Errors: configuration (a policy that is not understood, a name that is not there, a narrowed
  // row that would be wider than the row of this source, or empty). Nothing is half built.
  static Result<std::shared_ptr<const Snapshot>> build(CatalogInForce in_force,
                                                       const Documents& documents,
                                                       const RegionConfig& config,
                                                       std::shared_ptr<peer::ReplayTable> replay);
};

}  // namespace tidegate::gateway
