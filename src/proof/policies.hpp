// What the policies of given principals let them reach: every request that each could send to any
// source, decided by the code that decides in production.
#pragma once

#include <optional>

#include "gateway/documents.hpp"
#include "proof/prove.hpp"

namespace tidegate::proof {

struct Reach {
  std::string principal;                  // its ARN
  std::size_t requests = 0, allowed = 0;  // model or profile, source, action
  Oracle::Names regions;                  // where those that are allowed may run
};

// `within`: Regions that no principal may reach beyond; a request that could is a violation of
// `report`, as is one that is allowed although a policy refuses one of its destinations. Global
// profiles count for the principals that have the grant. Errors: configuration (a policy that is
// not understood).
Result<std::vector<Reach>> prove_policies(const catalog::Catalog& catalog,
                                          const gateway::Documents& documents,
                                          const std::optional<Oracle::Names>& within,
                                          Report& report);

}  // namespace tidegate::proof
