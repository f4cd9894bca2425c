// What an entry leaves out because other members of it say the same: one rule for who writes it
// (entry.cpp) and who reads it (document.cpp). A member that stands in an entry always counts.
#pragma once

#include <string_view>

namespace tidegate::audit::implied {

inline constexpr std::string_view event_source = "bedrock.amazonaws.com";

// The outcome of an attempt whose model and reason are the record's.
inline constexpr std::string_view ran = "success";

// "111122223333" of "arn:aws:iam::111122223333:user/demo"; empty if it is no ARN.
constexpr std::string_view account(std::string_view principal_arn) {
  std::string_view rest = principal_arn;
  for (int colons = 0; colons < 4; ++colons) {
    const auto colon = rest.find(':');
    if (colon == std::string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
  return rest.substr(0, rest.find(':'));
}

// "amazon.nova-2-lite-v1:0" of "eu.amazon.nova-2-lite-v1:0".
constexpr std::string_view model_id(std::string_view profile_id) {
  return profile_id.substr(profile_id.find('.') + 1);
}

}  // namespace tidegate::audit::implied
