// What one catalogue changes of another, in words and in kind: what touches the fence, and what
// lets a request run where it could not run before.
#pragma once

#include <string>
#include <vector>

#include "catalog/catalog.hpp"

namespace tidegate::catalog {

struct Change {
  std::string what;           // "profile", "geography", "region", "model", "revocation"
  std::string name;           // its id
  std::uint32_t version = 0;  // of profiles and geographies, else 0
  std::string says;
  bool fence = false;   // rows, geographies, what a Region states: two signers
  bool widens = false;  // must be accepted by name: accepted_as()
  // "eu@2": what --accept-widening takes.
  std::string accepted_as() const { return name + "@" + std::to_string(version); }
};

// From `before` to `now`, sorted by what and name. A profile widens where one of its rows in force
// has a destination other than its source that the same row in force had not before; a geography,
// where it has a Region that it had not. What is new widens by all that it has.
std::vector<Change> changes(const Catalog& before, const Catalog& now);

// Whether each version and row says truly with which epoch it came: what `before` has keeps its
// `since`, what is new has `epoch`. Errors: configuration.
Result<void> check_since(const Catalog& before, const Catalog& now, std::uint64_t epoch);

}  // namespace tidegate::catalog
