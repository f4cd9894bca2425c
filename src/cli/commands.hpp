// The subcommands. Each file adds its own to the command line; what it returns becomes the exit
// code.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/output.hpp"

namespace tidegate::cli {

// Set by the command that ran.
struct Outcome {
  Exit code = Exit::ok;
};

// The option of every command that also speaks JSON.
inline void add_output(CLI::App& command, std::string& output) {
  command.add_option("-o,--output", output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

void add_serve(CLI::App& app, Outcome& outcome);
void add_check(CLI::App& app, Outcome& outcome);
void add_pki(CLI::App& app, Outcome& outcome);
void add_dev(CLI::App& app, Outcome& outcome);
void add_apply(CLI::App& app, Outcome& outcome);
void add_keys(CLI::App& app, Outcome& outcome);
void add_status(CLI::App& app, Outcome& outcome);
void add_explain(CLI::App& app, Outcome& outcome);
void add_route(CLI::App& app, Outcome& outcome);
void add_restrictions(CLI::App& app, Outcome& outcome);
void add_catalog(CLI::App& app, Outcome& outcome);
void add_catalog_diff(CLI::App& catalog, Outcome& outcome);  // of its subcommands
void add_audit(CLI::App& app, Outcome& outcome);
void add_prove(CLI::App& app, Outcome& outcome);
void add_egress(CLI::App& app, Outcome& outcome);
void add_replay(CLI::App& app, Outcome& outcome);
void add_version(CLI::App& app, Outcome& outcome);

}  // namespace tidegate::cli
