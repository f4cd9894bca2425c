// tidegate: one program, one subcommand a task.
#include <csignal>
#include <exception>

#include "cli/commands.hpp"

int main(int argc, char** argv) {
  using namespace tidegate::cli;
  std::signal(
      SIGPIPE,
      SIG_IGN);  // a closed pipe or connection is an error value where it happens, not a death
  CLI::App app{
      "tidegate: runs each model request where there is room, never outside its inference "
      "profile's Regions."};
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 ok, 1 failed, 2 usage, 3 differs, 4 not identified, 5 unreachable, 6 "
      "refused.");
  Outcome outcome;
  add_serve(app, outcome);
  add_check(app, outcome);
  add_pki(app, outcome);
  add_apply(app, outcome);
  add_keys(app, outcome);
  add_status(app, outcome);
  add_route(app, outcome);
  add_explain(app, outcome);
  add_restrictions(app, outcome);
  add_catalog(app, outcome);
  add_audit(app, outcome);
  add_prove(app, outcome);
  add_egress(app, outcome);
  add_dev(app, outcome);
  add_replay(app, outcome);
  add_version(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
  } catch (const std::exception& error) {
    note(std::string("error: this is a bug: ") + error.what());
    return static_cast<int>(Exit::failed);
  }
  return static_cast<int>(outcome.code);
}
