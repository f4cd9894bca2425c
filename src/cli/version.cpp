// tidegate version: what is running, down to the catalogue's digest.
#include <fmt/format.h>

#include "catalog/catalog.hpp"
#include "cli/commands.hpp"

namespace tidegate::cli {

void add_version(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("version", "Show the version of the program and of its catalogue");
  command->callback([&outcome] {
    const auto catalog = catalog::Catalog::built_in();
    print(fmt::format("tidegate {}\ncatalogue {} ({} profiles, {} Regions)\n", TIDEGATE_VERSION,
                      catalog->digest().substr(0, 16), catalog->profiles().size(),
                      catalog->regions().size()));
    outcome.code = Exit::ok;
  });
}

}  // namespace tidegate::cli
