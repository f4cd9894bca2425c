// A model server's answer that is not one: the same words whatever its format. What was wrong with
// it is for logs and records; the bytes themselves are shown to nobody.
#pragma once

#include <string>

#include "base/error.hpp"

namespace tidegate::chat {

inline std::unexpected<Error> not_understood(std::string why, int upstream_status = 0) {
  return fail(Error{.code = ErrorCode::model_error,
                    .origin = Origin::backend,
                    .message = "The model server's answer could not be understood.",
                    .mend = {},
                    .why = std::move(why),
                    .upstream_status = upstream_status});
}

}  // namespace tidegate::chat
