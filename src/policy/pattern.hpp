// The patterns of policy documents: '*' is any run of characters, '?' is one.
#pragma once

#include <string_view>

namespace tidegate::policy {

bool glob(std::string_view pattern, std::string_view text);                // case matters
bool glob_ignoring_case(std::string_view pattern, std::string_view text);  // ASCII; actions

// ARNs are compared part by part: a wildcard stays inside its part, except a '*' that ends the
// pattern, which takes all that follows, colons included. So
// "arn:aws:bedrock:*::foundation-model/*" matches the Region-less ARN too.
bool arn_matches(std::string_view pattern, std::string_view arn);

// nullptr where arn_matches() has a defined answer for it, else the reason. "*" is a resource
// pattern, but not an ARN.
const char* why_not_a_resource_pattern(std::string_view pattern);
const char* why_not_an_arn_pattern(std::string_view pattern);

}  // namespace tidegate::policy
