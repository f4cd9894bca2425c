// Addresses are literal: a gateway resolves no name while it serves, so that no DNS answer can move
// a request. They are read here and not by the socket library, which this module does not know.
#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <vector>

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
bool read_ipv4(std::string_view text, std::span<std::uint8_t, 4> out) {
  for (std::size_t part = 0; part < out.size(); ++part) {
    const auto dot = part == 3 ? text.size() : text.find('.');
    if (dot == std::string_view::npos) return false;
    const auto digits = text.substr(0, dot);
    if (!read_number(digits, 10, out[part]) || (digits.size() > 1 && digits.front() == '0'))
      return false;
    text.remove_prefix(part == 3 ? dot : dot + 1);
  }
  return true;
}

using Groups = std::vector<std::uint8_t>;  // two bytes each

// The groups of one side of "::" (or of the whole).
bool read_groups(std::string_view text, bool last, Groups& out) {
  if (text.empty()) return true;
  for (;;) {
    const auto colon = text.find(':');
    const auto group = text.substr(0, colon);
    if (colon == std::string_view::npos && last && group.find('.') != std::string_view::npos) {
      std::array<std::uint8_t, 4> bytes{};
      if (!read_ipv4(group, bytes)) return false;
      out.insert(out.end(), bytes.begin(), bytes.end());
      return out.size() <= 16;
    }
    std::uint16_t value = 0;
    if (group.size() > 4 || out.size() >= 16 || !read_number(group, 16, value)) return false;
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
  }
}

// RFC 4291, section 2.2; no zone.
bool read_ipv6(std::string_view text, gateway::IpBytes& out) {
  const auto gap = text.find("::");
  Groups before, after;
  if (!read_groups(text.substr(0, gap), gap == std::string_view::npos, before)) return false;
  if (gap == std::string_view::npos) {
    if (before.size() != out.size()) return false;
  } else if (!read_groups(text.substr(gap + 2), true, after) ||
             before.size() + after.size() >= out.size()) {
    return false;
  }
  out.fill(0);
  std::ranges::copy(before, out.begin());
  std::ranges::copy(after, out.end() - static_cast<std::ptrdiff_t>(after.size()));
  return true;
}

}  // namespace

std::optional<gateway::IpBytes> parse_ip(std::string_view text) {
  gateway::IpBytes out{};
  if (text.find(':') != std::string_view::npos)
    return read_ipv6(text, out) ? std::optional(out) : std::nullopt;
  out[10] = out[11] = 0xff;
  return read_ipv4(text, std::span(out).last<4>()) ? std::optional(out) : std::nullopt;
}

std::optional<gateway::Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  gateway::Network network{.text = std::string(text)};
  const auto base = parse_ip(text.substr(0, slash));
  const unsigned before = network.is_ipv6() ? 0 : 96;
  if (!base || !read_number(text.substr(slash + 1), 10, network.bits) ||
      network.bits > 128 - before) {
    return std::nullopt;
  }
  network.base = *base;
  network.bits += before;
  for (unsigned bit = network.bits; bit < 128; ++bit) {
    if ((network.base[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return network;
}

bool in_networks(const std::vector<gateway::Network>& networks, const gateway::IpBytes& address) {
  return networks.empty() || std::ranges::any_of(networks, [&](const gateway::Network& network) {
           return network.contains(address);
         });
}

std::optional<gateway::Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);

  gateway::Address address{.host = std::string(host)};
  const auto bytes = parse_ip(host);
  if (!bytes || bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  if (!read_number(text.substr(colon + 1), 10, address.port)) return std::nullopt;
  return address;
}

}  // namespace tidegate::config
