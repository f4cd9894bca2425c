// additionalModelResponseFieldPaths: what a caller wants to see of the back-end's own answer.
#pragma once

#include <span>
#include <string>

#include "base/json.hpp"

namespace tidegate::chat {

// Puts what `paths` (JSON pointers, RFC 6901) point at into `out`, at the same place; what is not
// there is left out.
void collect(const json::value& answer, std::span<const std::string> paths, json::object& out);

}  // namespace tidegate::chat
