// tidegate serve: one Region's gateway.
#include "cli/catalog_files.hpp"
#include "cli/commands.hpp"
#include "cli/server.hpp"
#include "config/region.hpp"

namespace tidegate::cli {
namespace {

Exit run(const std::string& file) {
  // Twice: what it says of its catalogue is needed to look up what else it names.
  auto config = config::load_region_config(file, nullptr);
  if (!config) return report(config.error());
  const auto catalog = catalog_of(*config);
  if (!catalog) return report(catalog.error());
  config = config::load_region_config(file, catalog->get());
  if (!config) return report(config.error());
  log::configure(config->log_level, config->log_format, config->region.str());
  auto server = Server::start(*std::move(config));
  if (!server) return report(server.error());
  (*server)->run();
  return Exit::ok;
}

}  // namespace

void add_serve(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("serve", "Run one Region's gateway");
  const auto file = std::make_shared<std::string>();
  command->add_option("-c,--config", *file, "The Region's tidegate.yaml")->required();
  command->callback([file, &outcome] { outcome.code = run(*file); });
}

}  // namespace tidegate::cli
