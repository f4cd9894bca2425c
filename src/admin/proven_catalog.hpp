// A catalogue on its way into force: proven at every load, and refused where the fence does not
// hold. Either way the result stays in the audit log.
#pragma once

#include <memory>
#include <string>

#include "audit/log.hpp"
#include "base/rng.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::admin {

// Service events: CatalogProven, CatalogRefused. Errors: configuration (a violation, with the first
// counterexample), audit_unavailable: what cannot be recorded does not come into force.
Result<std::shared_ptr<const catalog::Catalog>> take_into_force(
    std::shared_ptr<const catalog::Catalog> catalog, const std::string& region, audit::Log& events,
    const Clock& clock, Rng& rng);

}  // namespace tidegate::admin
