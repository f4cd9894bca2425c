// Stage 3 without a request: what a name means at one source, in one snapshot. The pipeline asks
// it, and the proof of the fence asks the same code.
#pragma once

#include <functional>

#include "gateway/application_profiles.hpp"
#include "gateway/snapshot.hpp"
#include "gateway/trail.hpp"

namespace tidegate::gateway {

using FindApplicationProfile =
    std::function<ApplicationProfileTable::Profile(std::string_view account, std::string_view id)>;

// What is past its end of life at `now` is not there any more. Errors: invalid_model_identifier and
// on_demand_not_supported, in AWS's words; validation, of an application profile whose tag no
// longer fits the row.
Result<Target> resolve(std::string_view model_reference, std::string_view account,
                       const catalog::RegionId& source, const Snapshot& snapshot,
                       const FindApplicationProfile& find_application, WallTime now);

// Those that `before` resolves and `after` does not: a catalogue has lost what they copy, or a
// Region that their tag names.
std::vector<LostProfile> lost_profiles(const std::vector<ApplicationProfileTable::Profile>& all,
                                       const catalog::RegionId& source, const Snapshot& before,
                                       const Snapshot& after, WallTime now);

// The part of the row that the principal keeps to, too. Errors: validation (nothing is left of what
// an application profile keeps to).
Result<void> narrow(Target& target, const identity::PrincipalRecord& principal,
                    const Snapshot& snapshot);

}  // namespace tidegate::gateway
