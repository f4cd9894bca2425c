// principals[].narrowed_rows of a documents file.
#pragma once

#include <vector>

#include "config/reader.hpp"
#include "identity/principal.hpp"

namespace tidegate::config {

// A map from profile to a list of Regions. What a row of each source has, the gateway checks.
void read_narrowed_rows(Reader& reader, const YAML::Node& node,
                        std::vector<identity::NarrowedRow>& out);

}  // namespace tidegate::config
