// The kernel's rules: what is in them, and what cannot be written as one. That the kernel takes
// them, and that they hold, is test/integration/test_egress.py's.
#include "cli/egress.hpp"

#include <gtest/gtest.h>

#include "config/region.hpp"

namespace tidegate::cli {
namespace {

const std::string base = R"(region: eu-south-1
operator_domain: tidegate.internal
state_dir: /var/lib/tidegate
listen: {api: "10.0.0.1:7100", peer: "10.0.0.1:7200"}
tls:
  api: {certificate: /etc/tidegate/api.pem, key: /etc/tidegate/api.key}
  peer: {certificate: /etc/tidegate/peer.pem, key: /etc/tidegate/peer.key}
backends:
  - {name: llama, url: "http://127.0.0.1:8000"}
  - {name: vllm, url: "http://[fd00::5]:8000"}
peers:
  - {region: eu-central-1, address: "10.0.1.1:7200", trust_bundle: /etc/tidegate/f.pem}
  - {region: eu-west-2, address: "10.0.2.1:7200", trust_bundle: /etc/tidegate/l.pem}
)";
const std::string named =
    "  - {name: aws, kind: bedrock, url: \"https://bedrock-runtime.eu-south-1"
    ".amazonaws.com\", api_key: k}\n";

gateway::RegionConfig config_of(std::string text) {
  auto config = config::parse_region_config(text, "t.yaml", "/etc/tidegate",
                                            catalog::Catalog::built_in().get());
  EXPECT_TRUE(config) << config.error().front().message;
  return config ? *std::move(config) : gateway::RegionConfig{};
}

std::string with_named(const std::string& more = "") {
  std::string text = base;
  return text.insert(text.find("peers:"), named) + more;
}

EgressOptions options() {
  return {.user = "tidegate",
          .config_file = "/etc/tidegate/tidegate.yaml",
          .binary = "/usr/bin/tidegate",
          .clients = {"10.0.0.0/16"},
          .resolvers = {"10.0.0.53"}};
}

Result<EgressPlan> plan(const std::string& text) {
  return plan_egress(config_of(text), *catalog::Catalog::built_in(), options());
}

std::vector<std::string> places(const EgressPlan& plan) {
  std::vector<std::string> out;
  for (const auto& target : plan.targets)
    out.push_back(target.where + " " + std::to_string(target.port) + " " + target.what);
  return out;
}

TEST(Egress, IsTheRowsDestinationsAndTheBackends) {
  const auto made = plan(base);
  ASSERT_TRUE(made);
  EXPECT_EQ(places(*made), (std::vector<std::string>{"10.0.1.1 7200 peer eu-central-1",
                                                     "127.0.0.1 8000 back-end llama",
                                                     "fd00::5 8000 back-end vllm"}))
      << "London may call here, and is nobody's destination";
  EXPECT_TRUE(made->resolvers.empty()) << "no name, no name server";
  const auto global = plan(base + "global_profiles: on\n");
  ASSERT_TRUE(global);
  EXPECT_EQ(global->targets.size(), 4u) << "London is in the rows of global. profiles";
}

TEST(Egress, OfANameIsItsNetworks) {
  const auto nowhere = plan(with_named());
  ASSERT_FALSE(nowhere);
  EXPECT_TRUE(nowhere.error().mend.contains("backend_networks"));
  const auto made = plan(
      with_named("backend_networks: [127.0.0.0/8, \"fd00::/8\", 52.94.0.0/16, 52.94.1.0/24]\n"));
  ASSERT_TRUE(made);
  std::vector<std::string> networks;
  for (const auto& target : made->targets)
    if (target.is_network()) networks.push_back(target.where);
  EXPECT_EQ(networks, (std::vector<std::string>{"127.0.0.0/8", "52.94.0.0/16", "fd00::/8"}))
      << "one inside another is left out: nftables has none";
  EXPECT_EQ(made->resolvers, std::vector<std::string>{"10.0.0.53"});
  const std::string table = nftables_of(*made, options());
  EXPECT_TRUE(table.contains("ip daddr 10.0.0.53 meta l4proto { tcp, udp } th dport 53 accept"));
  EXPECT_TRUE(table.contains("52.94.0.0/16 . 443"));
}

TEST(Egress, TableNamesItsUserAndRegion) {
  const auto made = plan(base);
  EgressOptions who = options();
  EXPECT_TRUE(nftables_of(*made, who).contains("table inet tidegate_eu_south_1 {"));
  EXPECT_TRUE(nftables_of(*made, who).contains("meta skuid \"tidegate\" jump gateway"));
  who.user = "998";
  EXPECT_TRUE(nftables_of(*made, who).contains("meta skuid 998 jump gateway"));
}

std::vector<std::string> lines_of(const std::string& text, const std::string& start) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    if (line.starts_with(start)) out.push_back(line.substr(start.size()));
    at = end + 1;
  }
  return out;
}

TEST(Egress, UnitAllowsWhomItCallsAndWhoCalls) {
  const auto config = config_of(base);
  const auto made = plan(base);
  const auto unit = unit_of(*made, config, options());
  ASSERT_TRUE(unit) << unit.error().message;
  EXPECT_EQ(
      lines_of(*unit, "IPAddressAllow="),
      (std::vector<std::string>{"10.0.0.0/16", "10.0.1.1", "10.0.2.1", "127.0.0.1", "fd00::5"}));
  EXPECT_EQ(lines_of(*unit, "IPAddressDeny="), std::vector<std::string>{"any"});
  EXPECT_EQ(lines_of(*unit, "LoadCredential="),
            (std::vector<std::string>{"tls.api.key:/etc/tidegate/api.key",
                                      "tls.peer.key:/etc/tidegate/peer.key"}));
  EXPECT_EQ(lines_of(*unit, "AmbientCapabilities="), std::vector<std::string>{""});
  EgressOptions files = options();
  files.keys_as_credentials = false;
  EXPECT_TRUE(lines_of(*unit_of(*made, config, files), "LoadCredential=").empty());
}

TEST(Egress, WhatAUnitCannotSayIsRefused) {
  const auto made = plan(base);
  EgressOptions nobody = options();
  nobody.clients.clear();
  const auto closed = unit_of(*made, config_of(base), nobody);
  ASSERT_FALSE(closed);
  EXPECT_TRUE(closed.error().mend.contains("--clients"));
  EgressOptions odd = options();
  for (const char* path : {"/etc/a b", "/etc/%n", "relative", "/etc/\"x\"", "/etc/x\nUser=root"}) {
    odd.config_file = path;
    EXPECT_FALSE(unit_of(*made, config_of(base), odd)) << path;
  }
}

TEST(Egress, OfLoopbackNeedsNoClients) {
  std::string text = base;
  for (std::size_t at; (at = text.find("10.0.0.1")) != std::string::npos;)
    text.replace(at, 8, "127.0.0.1");
  EgressOptions nobody = options();
  nobody.clients.clear();
  const auto unit = unit_of(*plan(text), config_of(text), nobody);
  ASSERT_TRUE(unit);
  EXPECT_TRUE(unit->contains("IPAddressAllow=localhost\n"));
}

TEST(Egress, ResolversAreThoseOfTheHost) {
  EXPECT_EQ(resolvers_in("# a comment\nsearch x\nnameserver 10.0.0.53\nnameserver  ::1 # local\n"
                         "nameserver nonsense\n;nameserver 10.0.0.9\n"),
            (std::vector<std::string>{"10.0.0.53", "::1"}));
}

}  // namespace
}  // namespace tidegate::cli
