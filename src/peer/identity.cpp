#include "peer/identity.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tidegate::peer {
namespace {

constexpr std::string_view scheme = "spiffe://";
constexpr std::string_view path_prefix = "/gw/";
constexpr std::size_t uri_bytes_max = 2'048;         // SPIFFE-ID.md 2.3
constexpr std::size_t trust_domain_bytes_max = 255;  // SPIFFE-ID.md 2.1

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// A Region's name is one label of AWS's form: lower-case words and digits with hyphens between
// them. "xn--" would be an encoded name in another alphabet.
bool is_region_name(std::string_view label) {
  return !label.empty() && is_lower_or_digit(label.front()) && is_lower_or_digit(label.back()) &&
         !label.starts_with("xn--") &&
         std::ranges::all_of(label, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_domain(std::string_view domain) {
  return !domain.empty() && domain.front() != '.' && domain.back() != '.' &&
         domain.find("..") == std::string_view::npos && std::ranges::all_of(domain, [](char c) {
           return is_lower_or_digit(c) || c == '.' || c == '-' || c == '_';
         });
}

bool is_node(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." &&
         std::ranges::all_of(segment, [](char c) {
           return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
                  c == '_';
         });
}

}  // namespace

std::string RegionIdentity::uri() const {
  return fmt::format("{}{}.{}{}{}", scheme, region.str(), operator_domain, path_prefix, node);
}

// Every byte is looked at, up to the length of the view: a NUL is a byte that is not allowed, never
// an end.
std::optional<RegionIdentity> RegionIdentity::parse(std::string_view uri,
                                                    std::string_view operator_domain) {
  if (uri.size() > uri_bytes_max || !uri.starts_with(scheme)) return std::nullopt;
  const std::string_view rest = uri.substr(scheme.size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view trust_domain = rest.substr(0, slash);
  const std::string_view path = rest.substr(slash);
  const auto dot = trust_domain.find('.');
  if (trust_domain.size() > trust_domain_bytes_max || dot == std::string_view::npos)
    return std::nullopt;
  const std::string_view region = trust_domain.substr(0, dot);
  const std::string_view domain = trust_domain.substr(dot + 1);
  if (!is_region_name(region) || !is_domain(domain) || domain != operator_domain)
    return std::nullopt;
  if (!path.starts_with(path_prefix)) return std::nullopt;
  const std::string_view node = path.substr(path_prefix.size());
  if (!is_node(node)) return std::nullopt;
  return RegionIdentity{catalog::RegionId(std::string(region)), std::string(domain),
                        std::string(node)};
}

}  // namespace tidegate::peer
