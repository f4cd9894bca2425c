// What a Region's gateway may reach, as rules that the kernel keeps: an nftables table for packets
// of the gateway's user, and a systemd unit. Both are made of the configuration and the catalogue,
// which the gateway itself reads; the kernel is the layer that a wrong or changed gateway does not
// get past. Pure: no file is read or written here.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gateway/region_config.hpp"

namespace tidegate::cli {

struct EgressOptions {
  std::string user = "tidegate";       // whom the gateway runs as: a name or a number
  std::string config_file;             // as the unit names it
  std::string binary;                  // likewise
  std::vector<std::string> clients;    // networks that clients and other Regions call from
  std::vector<std::string> resolvers;  // addresses of the host's name servers
  bool keys_as_credentials = true;     // the unit's keys: systemd's credentials, or files
};

// Where the gateway may open a connection to.
struct EgressTarget {
  std::string where;  // an address, or a network where names are resolved into it
  std::uint16_t port = 0;
  std::string what;  // "peer eu-central-1", "back-end llama"
  bool is_network() const { return where.contains('/'); }
  bool is_ipv6() const { return where.contains(':'); }
};

struct EgressPlan {
  std::string region;
  std::vector<EgressTarget> targets;   // sorted, each once
  std::vector<std::string> resolvers;  // empty where no back-end has a name
};

// The destinations of the rows in force, all of them, and the back-ends. Errors: configuration, if
// a back-end has a name and the Region no backend_networks: a name is no address to allow.
Result<EgressPlan> plan_egress(const gateway::RegionConfig& config, const catalog::Catalog& catalog,
                               const EgressOptions& options);

// A file for `nft -f`, which replaces the table of that Region as a whole.
std::string nftables_of(const EgressPlan& plan, const EgressOptions& options);

// Errors: configuration: clients' networks are missing where the gateway listens on more than
// loopback (systemd's allow-list is for both directions), or a path that a unit cannot hold.
Result<std::string> unit_of(const EgressPlan& plan, const gateway::RegionConfig& config,
                            const EgressOptions& options);

// The addresses in a resolv.conf(5).
std::vector<std::string> resolvers_in(const std::string& text);

}  // namespace tidegate::cli
