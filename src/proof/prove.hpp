// The proof of the fence: every profile, every source, every destination, asked of each layer and
// of the oracle, one triple after the other. They must agree on all of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "catalog/catalog.hpp"
#include "proof/oracle.hpp"

namespace tidegate::proof {

inline constexpr std::size_t counterexamples_max = 20;  // kept of a proof; all are counted

// What one layer says of the request.
struct Claim {
  std::string layer;  // "router", "signer", "admission", "oracle"
  bool allows = false;
  std::string says;  // why not
};

// Where the promise is broken, as a request that a person could send.
struct Violation {
  std::string rule;                                 // "outside_fence", ...: stable words
  std::string profile, model, source, destination;  // what does not concern it is empty
  std::string says;
  std::vector<Claim> claims = {};
};

struct Report {
  std::string bundle_sha256;
  std::size_t profiles = 0, regions = 0;
  std::size_t triples = 0, allowed = 0;
  std::size_t violations = 0;
  std::vector<Violation> counterexamples;  // the first counterexamples_max of them
  Duration took{0};
  bool holds() const { return violations == 0; }
  void add(Violation violation);
};

// What is judged. The two ends of a link may have loaded different catalogues; the oracle reads the
// document.
struct Subject {
  std::shared_ptr<const catalog::Catalog> source, destination;
  std::string_view document;
};

// Errors: configuration, where the oracle cannot read the document.
Result<Report> prove(const Subject& subject, const Clock& clock);
// The catalogue as both ends would load it.
Result<Report> prove(const std::shared_ptr<const catalog::Catalog>& catalog, const Clock& clock);

// A proof's answer of one layer, with the reason of a refusal.
Claim claim(std::string layer, const Result<void>& answer);

// Adds what `now` changes of `before` without saying so: the destinations of a row or the Regions
// of a geography under the same version, or a version that goes back.
void compare(const Oracle& before, const Oracle& now, Report& report);

}  // namespace tidegate::proof
