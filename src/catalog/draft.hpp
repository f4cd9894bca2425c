// An operator's own content laid over the catalogue in force: what the next bundle will say.
#pragma once

#include "catalog/bundle.hpp"

namespace tidegate::catalog {

// `own` has the members of a catalogue's document that change, each optional: regions, geographies
// and models by id, profiles by id and version, revoked by profile. What has the same key is
// replaced, all else is added; an older version of a profile stays, and is admitted until it is
// revoked. "since" and "rows_since" are written here. `before` is null for epoch 1, which is laid
// over the built-in library. Errors: configuration.
Result<Bundle> draft_next(std::string_view own, const Bundle* before);

}  // namespace tidegate::catalog
