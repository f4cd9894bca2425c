// What an entry leaves out because other members of it say the same: what who writes it (entry.cpp)
// and who reads it (document.cpp) have to agree on. A member that stands in an entry always counts.
// An ARN is read here without aws::Arn, whose parts are copies: this is on every request's path.
#pragma once

#include <string_view>

namespace tidegate::audit::implied {

// The first member of a closed entry whose opened one stands in the same file: where it begins.
inline constexpr std::string_view opened_member = R"("opened":)";

inline constexpr std::string_view event_source = "bedrock.amazonaws.com";

// The outcome of an attempt whose model is the record's. The reason of any is the record's. One
// that says no outcome has this, and answered the request: its Region and the bytes received are
// the record's, and so is the time of the first of them where it says none.
inline constexpr std::string_view ran = "success";

// Of a Region that was considered, and says neither its name nor this: the request ran there.
inline constexpr std::string_view chosen = "chosen";

// The record's outcome, and the status that goes with it.
inline constexpr std::string_view success = "Success";
inline constexpr int success_status = 200;

// "111122223333" of "arn:aws:iam::111122223333:user/demo"; empty if it is no ARN.
constexpr std::string_view account(std::string_view principal_arn) {
  std::size_t colons = 0, start = 0;
  for (std::size_t at = 0; at < principal_arn.size(); ++at) {
    if (principal_arn[at] != ':') continue;
    if (++colons == 4) start = at + 1;
    if (colons == 5) return principal_arn.substr(start, at - start);
  }
  return {};
}

// "amazon.nova-2-lite-v1:0" of "eu.amazon.nova-2-lite-v1:0".
constexpr std::string_view model_id(std::string_view profile_id) {
  return profile_id.substr(profile_id.find('.') + 1);
}

}  // namespace tidegate::audit::implied
