#include "admin/proven_catalog.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/sabotage.hpp"
#include "proof/report_json.hpp"

namespace tidegate::admin {

Result<std::shared_ptr<const catalog::Catalog>> take_into_force(
    std::shared_ptr<const catalog::Catalog> catalog, const std::string& region, audit::Log& events,
    const Clock& clock, Rng& rng) {
  TRY(const proof::Report report, proof::prove(catalog, clock));
  const bool holds = report.holds();
  log::write(holds ? log::Level::info : log::Level::error,
             holds ? "catalogue_proven" : "catalogue_refused",
             {{"sha256", report.bundle_sha256},
              {"triples", report.triples},
              {"allowed", report.allowed},
              {"violations", report.violations},
              {"ms", millis(report.took)}});
  TRY_VOID(events.append_service_event({.event_id = make_uuid(rng),
                                        .event_time = clock.wall(),
                                        .event_name = holds ? "CatalogProven" : "CatalogRefused",
                                        .source_region = region,
                                        .details = proof::to_json(report)}));
  if (holds || sabotage::off(sabotage::Layer::proof)) return catalog;
  const proof::Violation& first = report.counterexamples.front();
  return fail(Error{
      .code = ErrorCode::configuration,
      .message = fmt::format("the catalogue {} does not keep the fence: {} violations; {}: {} "
                             "from {} may run in {}",
                             report.bundle_sha256.substr(0, 16), report.violations, first.rule,
                             first.profile, first.source, first.destination),
      .mend = "tidegate prove shows them all; this catalogue is not taken into force",
      .why = "proof"});
}

}  // namespace tidegate::admin
