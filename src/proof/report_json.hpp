// A report as JSON: what `prove -o json` prints, the admin API answers and the service event holds.
#pragma once

#include "base/json.hpp"
#include "proof/narrowed.hpp"
#include "proof/policies.hpp"

namespace tidegate::proof {

json::object to_json(const Report& report);
json::array to_json(const std::vector<Reach>& principals);
json::array to_json(const std::vector<Narrowing>& narrowings);
// Every row of a catalogue: [{profile, version, source, hash}].
json::array rows_json(const catalog::Catalog& catalog);

}  // namespace tidegate::proof
