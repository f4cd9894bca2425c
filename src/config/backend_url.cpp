#include "config/backend_url.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "config/region.hpp"

namespace tidegate::config {
namespace {

bool is_host_name(std::string_view text) {
  const bool characters = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
  });
  return characters && !text.empty() && text.size() <= 253 && text.front() != '.' &&
         text.front() != '-' && text.find("..") == std::string_view::npos;
}

// HOST, HOST:PORT, with a name or a literal address.
bool read_authority(std::string_view text, model::BackendConfig& out) {
  constexpr std::uint16_t https = 443;
  if (const auto address = parse_address(text)) {
    out.host = address->host;
    out.port = address->port;
    return out.port != 0;
  }
  const std::string with_port = std::string(text) + ":443";
  if (const auto address = parse_address(with_port)) {
    out.host = address->host;
    out.port = https;
    return true;
  }
  const auto colon = text.find(':');
  out.host = text.substr(0, colon);
  out.port = https;
  if (colon != std::string_view::npos) {
    const auto port = parse_address("127.0.0.1" + std::string(text.substr(colon)));
    if (!port || port->port == 0) return false;
    out.port = port->port;
  }
  return is_host_name(out.host);
}

}  // namespace

void read_backend_url(Reader& reader, const YAML::Node& node, model::BackendConfig& out) {
  const auto value = reader.text(node, "url");
  if (!value) return;
  const std::string_view url = *value;
  const auto scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end);
  const std::string_view rest =
      scheme_end == std::string_view::npos ? "" : url.substr(scheme_end + 3);
  const auto slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  std::string prefix(slash == std::string_view::npos ? "" : rest.substr(slash));
  while (prefix.ends_with('/')) prefix.pop_back();
  const bool plain = std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '?' && c != '#';
  });
  out.tls = scheme == "https";
  out.base_path = prefix;
  bool good = plain && (out.tls || scheme == "http");
  if (good && out.tls) {
    good = read_authority(authority, out);
  } else if (const auto address = parse_address(authority); good && address) {
    out.host = address->host;
    out.port = address->port;
    good = out.port != 0;
  } else {
    good = false;
  }
  if (good) return;
  reader.problem(node.Mark(), fmt::format("\"url\" is \"{}\"", *value),
                 "it must be http with a literal IP address and a port, or https, and perhaps a "
                 "path: without TLS no name can be trusted",
                 "write it like http://127.0.0.1:8801 or "
                 "https://bedrock-runtime.eu-south-1.amazonaws.com");
}

void read_backend_networks(Reader& reader, const YAML::Node& node, gateway::RegionConfig& out) {
  if (!reader.is_list(node, "backend_networks")) return;
  if (node.size() > limits::backend_networks_max) {
    reader.problem(node.Mark(), "\"backend_networks\" is too long",
                   fmt::format("at most {} networks are read", limits::backend_networks_max),
                   "join neighbouring networks");
    return;
  }
  for (const YAML::Node& item : node) {
    const auto text = reader.text(item, "backend_networks");
    if (!text) continue;
    if (auto network = parse_network(*text)) {
      out.backend_networks.push_back(*std::move(network));
      continue;
    }
    reader.problem(item.Mark(), fmt::format("\"{}\" is not a network", *text),
                   "it must be an address and a prefix, without bits beyond the prefix",
                   "write it like 10.0.0.0/8, 127.0.0.1/32 or 2001:db8::/32");
  }
}

}  // namespace tidegate::config
