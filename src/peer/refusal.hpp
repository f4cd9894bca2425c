// An answer on a link that is not 200: which of our errors it is, and whether another Region may do
// better.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidegate::peer {

// Whether a trailer may name it: "success", or an error of ours.
bool is_outcome(std::string_view name);

// The peer's error as the source's own. `name` is name_of(ErrorCode); a name that is not known is
// peer_unavailable. Faults of the place may be tried elsewhere; faults of the request would be the
// same anywhere and are the client's.
Error peer_error(std::string_view name, std::string_view message, std::string_view mend,
                 std::string_view why);

// The same from the refusal's headers and its body, JSON with "message" (AWS's sentence and ours in
// one, as aws::error_answer writes it).
Error read_refusal(std::string_view name, std::string_view why, std::string_view body);

}  // namespace tidegate::peer
