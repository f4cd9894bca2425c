// Addresses are literal: a gateway resolves no name while it serves, so that no DNS answer can move
// a request. They are read here and not by the socket library, which this module does not know.
#include <algorithm>
#include <charconv>

#include "config/region.hpp"

namespace tidegate::config {
namespace {

template <class N>
bool read_number(std::string_view text, int base, N& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty() &&
         text.front() != '-';
}

// Four decimal numbers, without the leading zeros that some readers take for octal.
bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    const auto dot = part == 3 ? text.size() : text.find('.');
    if (dot == std::string_view::npos) return false;
    const auto digits = text.substr(0, dot);
    std::uint8_t value = 0;
    if (!read_number(digits, 10, value) || (digits.size() > 1 && digits.front() == '0'))
      return false;
    text.remove_prefix(part == 3 ? dot : dot + 1);
  }
  return true;
}

// The groups of one side of "::" (or of the whole): how many of the eight they fill, or -1.
int ipv6_groups(std::string_view text, bool last) {
  if (text.empty()) return 0;
  int groups = 0;
  for (;;) {
    const auto colon = text.find(':');
    const auto group = text.substr(0, colon);
    std::uint16_t value = 0;
    if (colon == std::string_view::npos && last && group.find('.') != std::string_view::npos) {
      return is_ipv4(group) ? groups + 2 : -1;
    }
    if (group.size() > 4 || !read_number(group, 16, value)) return -1;
    ++groups;
    if (colon == std::string_view::npos) return groups;
    text.remove_prefix(colon + 1);
  }
}

// RFC 4291, section 2.2; no zone.
bool is_ipv6(std::string_view text) {
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) return ipv6_groups(text, true) == 8;
  const int before = ipv6_groups(text.substr(0, gap), false);
  const int after = ipv6_groups(text.substr(gap + 2), true);
  return before >= 0 && after >= 0 && before + after < 8;
}

}  // namespace

std::optional<gateway::Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);

  gateway::Address address{.host = std::string(host)};
  if (!(bracketed ? is_ipv6(host) : is_ipv4(host))) return std::nullopt;
  if (!read_number(text.substr(colon + 1), 10, address.port)) return std::nullopt;
  return address;
}

}  // namespace tidegate::config
