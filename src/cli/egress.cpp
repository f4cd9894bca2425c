#include "cli/egress.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>
#include <tuple>

#include "config/region.hpp"
#include "gateway/region.hpp"

namespace tidegate::cli {
namespace {

constexpr std::uint16_t dns_port = 53;

std::unexpected<Error> refuse(std::string what, std::string why, std::string mend) {
  return fail({.code = ErrorCode::configuration,
               .message = std::move(what),
               .mend = std::move(mend),
               .why = std::move(why)});
}

// nftables has no set of networks that lie inside each other.
bool inside_another(const gateway::Network& network,
                    const std::vector<gateway::Network>& networks) {
  return std::ranges::any_of(networks, [&](const gateway::Network& other) {
    return other.bits < network.bits && other.contains(network.base);
  });
}

Result<void> add_backends(const gateway::RegionConfig& config, EgressPlan& plan,
                          const EgressOptions& options) {
  for (const model::BackendConfig& backend : config.backends) {
    const std::string what = "back-end " + backend.name;
    if (config::parse_ip(backend.host)) {
      plan.targets.push_back({backend.host, backend.port, what});
      continue;
    }
    if (config.backend_networks.empty()) {
      return refuse(fmt::format("{} has a name, {}, and no network", what, backend.host),
                    "the kernel's rules are about addresses, and those of a name change",
                    "set backend_networks to where its addresses are");
    }
    for (const gateway::Network& network : config.backend_networks) {
      if (!inside_another(network, config.backend_networks))
        plan.targets.push_back({network.text, backend.port, what});
    }
    plan.resolvers = options.resolvers;
  }
  return {};
}

// ---- nftables

// `names` of one kind as the elements of a set, each with a comment of its own.
std::string elements(const EgressPlan& plan, bool networks, bool ipv6) {
  std::vector<std::string> lines;
  for (const EgressTarget& target : plan.targets) {
    if (target.is_network() != networks || target.is_ipv6() != ipv6) continue;
    lines.push_back(
        fmt::format("      {} . {} comment \"{}\"", target.where, target.port, target.what));
  }
  return fmt::format("{}", fmt::join(lines, ",\n"));
}

std::string set_of(const EgressPlan& plan, std::string_view name, bool networks, bool ipv6) {
  const std::string members = elements(plan, networks, ipv6);
  return fmt::format("  set {} {{\n    type {} . inet_service\n{}{}  }}\n", name,
                     ipv6 ? "ipv6_addr" : "ipv4_addr", networks ? "    flags interval\n" : "",
                     members.empty() ? "" : "    elements = {\n" + members + "\n    }\n");
}

std::string dns_rules(const EgressPlan& plan) {
  std::string out;
  for (const std::string& resolver : plan.resolvers) {
    out += fmt::format("    {} daddr {} meta l4proto {{ tcp, udp }} th dport {} accept\n",
                       resolver.contains(':') ? "ip6" : "ip", resolver, dns_port);
  }
  return out;
}

}  // namespace

Result<EgressPlan> plan_egress(const gateway::RegionConfig& config, const catalog::Catalog& catalog,
                               const EgressOptions& options) {
  EgressPlan plan{.region = config.region.str(), .targets = {}, .resolvers = {}};
  for (const peer::PeerConfig& peer : gateway::destinations_to_dial(config, catalog))
    plan.targets.push_back({peer.host, peer.port, "peer " + peer.region.str()});
  TRY_VOID(add_backends(config, plan, options));
  std::ranges::sort(plan.targets, {}, [](const EgressTarget& one) {
    return std::tie(one.where, one.port, one.what);
  });
  const auto [first, last] = std::ranges::unique(
      plan.targets, {}, [](const EgressTarget& one) { return std::tie(one.where, one.port); });
  plan.targets.erase(first, last);
  return plan;
}

std::string nftables_of(const EgressPlan& plan, const EgressOptions& options) {
  std::string table = "tidegate_" + plan.region;
  std::ranges::replace(table, '-', '_');
  const bool number =
      std::ranges::all_of(options.user, [](char c) { return c >= '0' && c <= '9'; });
  const std::string user = number ? options.user : fmt::format("\"{}\"", options.user);
  return fmt::format(
      "# What the gateway of {region} may reach: the destinations of its rows, and its back-ends.\n"
      "# Made by tidegate egress; make it anew when the configuration or the catalogue changes.\n"
      "# Loading it (nft -f FILE) replaces the table as a whole.\n"
      "table inet {table}\n"
      "delete table inet {table}\n"
      "table inet {table} {{\n"
      "  counter refused {{\n  }}\n"
      "{sets}"
      "  chain gateway {{\n"
      "    ct direction reply accept comment \"answers to those who called\"\n"
      "    ip daddr . tcp dport @ipv4 accept\n"
      "    ip daddr . tcp dport @ipv4_networks accept\n"
      "    ip6 daddr . tcp dport @ipv6 accept\n"
      "    ip6 daddr . tcp dport @ipv6_networks accept\n"
      "{dns}"
      "    counter name refused reject with icmpx admin-prohibited\n"
      "  }}\n"
      "  chain output {{\n"
      "    type filter hook output priority filter; policy accept;\n"
      "    meta skuid {user} jump gateway\n"
      "  }}\n"
      "}}\n",
      fmt::arg("region", plan.region), fmt::arg("table", table), fmt::arg("user", user),
      fmt::arg("sets",
               set_of(plan, "ipv4", false, false) + set_of(plan, "ipv4_networks", true, false) +
                   set_of(plan, "ipv6", false, true) + set_of(plan, "ipv6_networks", true, true)),
      fmt::arg("dns", dns_rules(plan)));
}

std::vector<std::string> resolvers_in(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, address;
    if (words >> key >> address && key == "nameserver" && config::parse_ip(address))
      out.push_back(address);
  }
  return out;
}

}  // namespace tidegate::cli
