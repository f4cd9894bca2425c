// The dates of models and profiles, as a catalogue document has them.
#pragma once

#include <map>
#include <string>

#include "base/json.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::catalog {

// {"legacy": time, "endOfLife": time, "successor": id}; each may be missing, not all of them.
// Errors: configuration, naming the member.
Result<Lifecycle> read_lifecycle(const json::value& value, const std::string& where);

// A successor must be there, and a profile ends with its model at the latest: one that says nothing
// has its model's dates. Errors: configuration.
Result<void> settle_lifecycles(const std::map<std::string, Model, std::less<>>& models,
                               std::map<std::string, Profile, std::less<>>& profiles);

}  // namespace tidegate::catalog
