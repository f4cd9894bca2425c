#include "policy/pattern.hpp"

#include <algorithm>

namespace tidegate::policy {
namespace {

constexpr std::ptrdiff_t colons_in_an_arn = 5;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// Greedy with one point of return: O(pattern x text) at worst, never exponential.
template <class Equal>
bool glob_with(std::string_view pattern, std::string_view text, Equal equal) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || equal(pattern[p], text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool glob(std::string_view pattern, std::string_view text) {
  return glob_with(pattern, text, [](char a, char b) { return a == b; });
}

bool glob_ignoring_case(std::string_view pattern, std::string_view text) {
  return glob_with(pattern, text, [](char a, char b) { return lower(a) == lower(b); });
}

bool arn_matches(std::string_view pattern, std::string_view arn) {
  for (std::ptrdiff_t part = 0; part < colons_in_an_arn; ++part) {
    const auto pattern_end = pattern.find(':');
    if (pattern_end == std::string_view::npos) break;  // its last part: takes the rest
    const auto arn_end = arn.find(':');
    if (arn_end == std::string_view::npos) return false;
    if (!glob(pattern.substr(0, pattern_end), arn.substr(0, arn_end))) return false;
    pattern.remove_prefix(pattern_end + 1);
    arn.remove_prefix(arn_end + 1);
  }
  return glob(pattern, arn);
}

const char* why_not_an_arn_pattern(std::string_view pattern) {
  if (!pattern.starts_with("arn:")) return "it is not an ARN";
  const auto colons = std::ranges::count(pattern, ':');
  if (colons < colons_in_an_arn) return "an ARN has six parts, with five colons between them";
  const auto service = pattern.find(':', 4) + 1;
  if (pattern.substr(service, pattern.find(':', service) - service).find_first_of("*?") !=
      std::string_view::npos) {
    return "the service part of an ARN takes no wildcard";
  }
  return nullptr;
}

const char* why_not_a_resource_pattern(std::string_view pattern) {
  if (pattern == "*") return nullptr;
  // "arn:aws:bedrock:*" is allowed: the service is named and the last '*' takes the missing parts.
  const auto colons = std::ranges::count(pattern, ':');
  if (pattern.starts_with("arn:") && pattern.ends_with('*') && colons >= 3 &&
      colons < colons_in_an_arn) {
    const auto service = pattern.find(':', 4) + 1;
    const auto name = pattern.substr(service, pattern.find(':', service) - service);
    return name.find_first_of("*?") == std::string_view::npos
               ? nullptr
               : "the service part of an ARN takes no wildcard";
  }
  return why_not_an_arn_pattern(pattern);
}

}  // namespace tidegate::policy
