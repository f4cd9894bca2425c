#include "api/sts.hpp"

#include <fmt/format.h>

namespace tidegate::api {

// None of the three values can hold a character that XML escapes: they are checked when principals
// are applied.
std::string get_caller_identity_answer(const identity::Principal& principal,
                                       std::string_view request_id) {
  return fmt::format(
      "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
      "<GetCallerIdentityResult><Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account></"
      "GetCallerIdentityResult>"
      "<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
      principal.arn(), principal.user_id(), principal.account(), request_id);
}

}  // namespace tidegate::api
