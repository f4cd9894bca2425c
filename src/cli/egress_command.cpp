// tidegate egress: the kernel's rules for what a gateway may reach.
#include <fmt/format.h>

#include <filesystem>

#include "cli/catalog_files.hpp"
#include "cli/commands.hpp"
#include "cli/egress.hpp"
#include "cli/files.hpp"
#include "config/region.hpp"

namespace tidegate::cli {
namespace {

constexpr std::size_t resolv_conf_bytes_max = 64 * 1024;

struct Options {
  EgressOptions egress;
  std::string config, out, keys = "credentials";
  bool nft = false, systemd = false;
};

Result<void> check_user(const std::string& user) {
  const bool plain = !user.empty() && std::ranges::all_of(user, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (plain) return {};
  return fail(ErrorCode::configuration, fmt::format("\"{}\" is not a user", user),
              "lower-case letters, digits, '-' and '_', or a user's number");
}

Result<void> check_clients(const std::vector<std::string>& clients) {
  for (const std::string& client : clients) {
    if (!config::parse_network(client) && !config::parse_ip(client))
      return fail(ErrorCode::configuration, fmt::format("\"{}\" is not a network", client),
                  "write it like 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32");
  }
  return {};
}

Result<void> emit(const Options& options, const std::string& name, const std::string& text) {
  if (options.out.empty()) {
    print(text);
    return {};
  }
  const auto file = std::filesystem::path(options.out) / name;
  TRY_VOID(write_file(file, text, public_mode));
  note(fmt::format("wrote {}", file.string()));
  return {};
}

Result<void> run(Options options) {
  TRY_VOID(check_user(options.egress.user));
  TRY_VOID(check_clients(options.egress.clients));
  // Twice: what it says of its catalogue is needed to look up what else it names.
  auto config = config::check_region_config(options.config, nullptr);
  if (!config) return fail(config.error().front());
  TRY(const auto catalog, catalog_of(*config));
  config = config::check_region_config(options.config, catalog.get());
  if (!config) return fail(config.error().front());
  options.egress.config_file =
      std::filesystem::absolute(options.config).lexically_normal().string();
  options.egress.keys_as_credentials = options.keys == "credentials";
  if (const auto text = config::read_file("/etc/resolv.conf", resolv_conf_bytes_max))
    options.egress.resolvers = resolvers_in(*text);
  TRY(const EgressPlan plan, plan_egress(*config, *catalog, options.egress));
  const bool both = options.nft == options.systemd;
  std::string unit;
  if (both || options.systemd) {
    TRY(unit, unit_of(plan, *config, options.egress));
  }
  const std::string stem = "tidegate-" + plan.region;
  if (both || options.nft)
    TRY_VOID(emit(options, stem + ".nft", nftables_of(plan, options.egress)));
  if (!unit.empty()) TRY_VOID(emit(options, stem + ".service", unit));
  return {};
}

}  // namespace

void add_egress(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "egress", "Print the kernel's rules for what a gateway may reach: nftables, systemd");
  const auto options = std::make_shared<Options>();
  options->egress.binary = "/usr/local/bin/tidegate";
  command->add_option("-c,--config", options->config, "The Region's tidegate.yaml")->required();
  command->add_flag("--nft", options->nft, "Only the nftables table, for nft -f");
  command->add_flag("--systemd", options->systemd, "Only the systemd unit");
  command->add_option("--out", options->out,
                      "Folder to write tidegate-REGION.nft and .service to, instead of printing");
  command
      ->add_option("--user", options->egress.user, "Whom the gateway runs as: a name or a number")
      ->capture_default_str();
  command
      ->add_option("--clients", options->egress.clients,
                   "Networks that clients and other Regions call from; for the unit")
      ->delimiter(',');
  command->add_option("--binary", options->egress.binary, "Where the program is; for the unit")
      ->capture_default_str();
  command
      ->add_option("--keys", options->keys,
                   "The unit's private keys: credentials (systemd reads them, at each start) or "
                   "files (the user reads them, also at a reload)")
      ->check(CLI::IsMember({"credentials", "files"}))
      ->capture_default_str();
  command->callback([options, &outcome] {
    const auto done = run(*options);
    outcome.code = done ? Exit::ok : report(done.error());
  });
}

}  // namespace tidegate::cli
