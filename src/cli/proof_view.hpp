// What a proof's JSON looks like to a person: the same for a file and for a running gateway.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::cli {

// `name` is what the bundle is called: a file, "built-in", a Region.
std::string proof_view(std::string_view name, const json::object& report,
                       const catalog::Catalog& catalog);

// One running gateway's answer to GET /v1/proof, or why there is none.
struct StateProof {
  std::string region;
  json::object answer;
  std::string problem;  // empty: it answered
};
// Rows of one profile, version and source that are not the same everywhere: one sentence each.
std::vector<std::string> row_differences(const std::vector<StateProof>& regions);
std::string state_view(const std::vector<StateProof>& regions,
                       const std::vector<std::string>& differences,
                       const catalog::Catalog& catalog);

}  // namespace tidegate::cli
