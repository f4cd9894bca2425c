// STS: GetCallerIdentity.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
#pragma once

#include <string>
#include <string_view>

#include "identity/principal.hpp"

namespace tidegate::api {

std::string get_caller_identity_answer(const identity::Principal& principal,
                                       std::string_view request_id);  // XML

}  // namespace tidegate::api
