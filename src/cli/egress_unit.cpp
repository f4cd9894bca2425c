// The systemd unit of a gateway: what systemd.exec(5) and systemd.resource-control(5) can take away
// from it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/egress.hpp"
#include "cli/files.hpp"
#include "config/region.hpp"

namespace tidegate::cli {
namespace {

constexpr std::uint16_t privileged_ports = 1024;

std::unexpected<Error> refuse(std::string what, std::string why, std::string mend) {
  return fail({.code = ErrorCode::configuration,
               .message = std::move(what),
               .mend = std::move(mend),
               .why = std::move(why)});
}

// Without white space, quotes, '%' and what else has a meaning in a unit.
Result<void> check_path(std::string_view what, const std::string& path) {
  const bool plain = std::ranges::all_of(path, [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("/._-+@,").contains(static_cast<char>(c));
  });
  if (plain && path.starts_with('/')) return {};
  return refuse(fmt::format("{} is \"{}\"", what, path),
                "a unit takes absolute paths of letters, digits and /._-+@,", "use such a path");
}

bool is_loopback(const std::string& host) {
  return host == "::1" || host.starts_with("127.");
}

// systemd's list is for both directions: whom the gateway calls, and who calls it.
Result<std::set<std::string>> allowed_addresses(const EgressPlan& plan,
                                                const gateway::RegionConfig& config,
                                                const EgressOptions& options) {
  std::set<std::string> allowed(options.clients.begin(), options.clients.end());
  const bool public_port = !is_loopback(config.api.host);
  if (public_port && options.clients.empty()) {
    return refuse("the networks of the clients are missing",
                  fmt::format("the gateway listens on {}, and IPAddressDeny=any would turn every "
                              "client away",
                              config.api.host),
                  "--clients NETWORK[,NETWORK...]");
  }
  for (const EgressTarget& target : plan.targets) allowed.insert(target.where);
  for (const peer::PeerConfig& peer : config.peers) allowed.insert(peer.host);
  allowed.insert(plan.resolvers.begin(), plan.resolvers.end());
  if (!public_port) allowed.insert("localhost");
  return allowed;
}

std::string credentials(const gateway::RegionConfig& config) {
  std::string out;
  for (const auto& [name, files] : {std::pair{api_key_credential, config.api_tls},
                                    std::pair{peer_key_credential, config.peer_tls}}) {
    if (!files.empty()) out += fmt::format("LoadCredential={}:{}\n", name, files.key);
  }
  return out;
}

std::string capabilities(const gateway::RegionConfig& config) {
  const auto low = [](const gateway::Address& address) {
    return address.port != 0 && address.port < privileged_ports;
  };
  const std::string_view wanted = low(config.api) || low(config.peer) ? "CAP_NET_BIND_SERVICE" : "";
  return fmt::format("CapabilityBoundingSet={0}\nAmbientCapabilities={0}\n", wanted);
}

}  // namespace

Result<std::string> unit_of(const EgressPlan& plan, const gateway::RegionConfig& config,
                            const EgressOptions& options) {
  TRY(const auto allowed, allowed_addresses(plan, config, options));
  TRY_VOID(check_path("the program", options.binary));
  TRY_VOID(check_path("the configuration", options.config_file));
  TRY_VOID(check_path("state_dir", config.state_dir));
  for (const gateway::TlsFiles& files : {config.api_tls, config.peer_tls}) {
    if (!files.empty()) TRY_VOID(check_path("a key", files.key));
  }
  std::string addresses;
  for (const std::string& one : allowed) addresses += fmt::format("IPAddressAllow={}\n", one);
  const std::string_view families =
      plan.resolvers.empty() ? "AF_UNIX AF_INET AF_INET6" : "AF_UNIX AF_INET AF_INET6 AF_NETLINK";
  return fmt::format(
      "# The gateway of {region}, with as little as it needs. Made by tidegate egress; make it "
      "anew\n"
      "# when the configuration or the catalogue changes. Which of its neighbours it may call, "
      "and\n"
      "# which only call it, is told apart by the nftables table of the same command.\n"
      "[Unit]\n"
      "Description=tidegate gateway of {region}\n"
      "Wants=network-online.target\n"
      "After=network-online.target nftables.service\n"
      "\n"
      "[Service]\n"
      "ExecStart={binary} serve -c {config}\n"
      "ExecReload=/bin/kill -HUP $MAINPID\n"
      "User={user}\n"
      "Restart=on-failure\n"
      "TimeoutStopSec=45\n"
      "LimitNOFILE=65536\n"
      "LimitCORE=0\n"
      "ReadWritePaths={state}\n"
      "{credentials}"
      "\n"
      "IPAddressDeny=any\n"
      "{addresses}"
      "RestrictAddressFamilies={families}\n"
      "\n"
      "NoNewPrivileges=yes\n"
      "{capabilities}"
      "UMask=0077\n"
      "ProtectSystem=strict\n"
      "ProtectHome=yes\n"
      "PrivateTmp=yes\n"
      "PrivateDevices=yes\n"
      "ProtectClock=yes\n"
      "ProtectControlGroups=yes\n"
      "ProtectHostname=yes\n"
      "ProtectKernelLogs=yes\n"
      "ProtectKernelModules=yes\n"
      "ProtectKernelTunables=yes\n"
      "ProtectProc=invisible\n"
      "RestrictNamespaces=yes\n"
      "RestrictRealtime=yes\n"
      "RestrictSUIDSGID=yes\n"
      "RemoveIPC=yes\n"
      "LockPersonality=yes\n"
      "MemoryDenyWriteExecute=yes\n"
      "SystemCallArchitectures=native\n"
      "SystemCallFilter=@system-service\n"
      "SystemCallFilter=~@privileged @resources\n"
      "\n"
      "[Install]\n"
      "WantedBy=multi-user.target\n",
      fmt::arg("region", plan.region), fmt::arg("binary", options.binary),
      fmt::arg("config", options.config_file), fmt::arg("user", options.user),
      fmt::arg("state", config.state_dir),
      fmt::arg("credentials", options.keys_as_credentials ? credentials(config) : ""),
      fmt::arg("addresses", addresses), fmt::arg("families", families),
      fmt::arg("capabilities", capabilities(config)));
}

}  // namespace tidegate::cli
