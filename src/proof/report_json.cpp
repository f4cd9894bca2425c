#include "proof/report_json.hpp"

namespace tidegate::proof {
namespace {

std::int64_t number(std::size_t count) {
  return static_cast<std::int64_t>(count);
}

json::array names_json(const Oracle::Names& names) {
  json::array out;
  for (const std::string& name : names) out.emplace_back(name);
  return out;
}

json::object violation_json(const Violation& violation) {
  json::object out{{"rule", violation.rule}, {"says", violation.says}};
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  add("profile", violation.profile);
  add("model", violation.model);
  add("source", violation.source);
  add("destination", violation.destination);
  if (violation.claims.empty()) return out;
  json::array claims;
  for (const Claim& claim : violation.claims) {
    claims.push_back(
        json::object{{"layer", claim.layer}, {"allows", claim.allows}, {"says", claim.says}});
  }
  out["layers"] = std::move(claims);
  return out;
}

}  // namespace

json::object to_json(const Report& report) {
  json::array counterexamples;
  for (const Violation& violation : report.counterexamples) {
    counterexamples.push_back(violation_json(violation));
  }
  return {{"bundleSha256", report.bundle_sha256},
          {"holds", report.holds()},
          {"profiles", number(report.profiles)},
          {"regions", number(report.regions)},
          {"triples", number(report.triples)},
          {"allowed", number(report.allowed)},
          {"refused", number(report.triples - report.allowed)},
          {"violations", number(report.violations)},
          {"counterexamples", std::move(counterexamples)},
          {"tookMs", millis(report.took)}};
}

json::array to_json(const std::vector<Reach>& principals) {
  json::array out;
  for (const Reach& reach : principals) {
    out.push_back(json::object{{"principal", reach.principal},
                               {"requests", number(reach.requests)},
                               {"allowed", number(reach.allowed)},
                               {"regions", names_json(reach.regions)}});
  }
  return out;
}

json::array to_json(const std::vector<Narrowing>& narrowings) {
  json::array out;
  for (const Narrowing& one : narrowings) {
    out.push_back(json::object{{"holder", one.holder},
                               {"profile", one.profile},
                               {"regions", names_json(one.regions)},
                               {"sources", names_json(one.sources)},
                               {"refusedAt", names_json(one.refused)},
                               {"requests", number(one.requests)},
                               {"allowed", number(one.allowed)}});
  }
  return out;
}

json::array rows_json(const catalog::Catalog& catalog) {
  json::array out;
  for (const auto& [id, profile] : catalog.profiles()) {
    for (const auto& [source, row] : profile.rows) {
      out.push_back(json::object{{"profile", id},
                                 {"version", row.version()},
                                 {"source", source.str()},
                                 {"hash", row.hash()}});
    }
  }
  return out;
}

}  // namespace tidegate::proof
