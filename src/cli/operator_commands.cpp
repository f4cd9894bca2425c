// tidegate status, route, explain, apply: what an operator asks running gateways, over their admin
// sockets.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "admin/admin_api.hpp"
#include "aws/errors.hpp"
#include "cli/admin_client.hpp"
#include "cli/commands.hpp"
#include "cli/views.hpp"
#include "config/documents.hpp"

namespace tidegate::cli {
namespace {

struct Options {
  AdminTarget target;
  std::string output = "table";
  std::string profile, from, principal, id, file;
  bool as_json() const { return output == "json"; }
};

// ---- status

Result<Exit> status(const Options& options) {
  TRY(const auto sockets, find_admin_sockets(options.target));
  std::vector<RegionStatus> regions;
  json::array all;
  bool every = true;
  for (const AdminSocket& socket : sockets) {
    RegionStatus region{
        .name = socket.region.empty() ? socket.path : socket.region, .status = {}, .problem = {}};
    if (auto answer = admin_get(socket.path, "/v1/status"); answer && answer->is_object()) {
      region.status = answer->get_object();
      region.name = json::find_string(region.status, "region").value_or(region.name);
      const auto state = json::find_string(region.status, "status");
      every = every && (state == "ready" || state == "drained");
      all.push_back(region.status);
    } else {
      region.problem = answer ? "its answer is not an object"
                              : fmt::format("{} ({})", answer.error().message, answer.error().why);
      every = false;
      all.push_back(json::object{{"region", region.name}, {"status", "unreachable"}});
    }
    regions.push_back(std::move(region));
  }
  print(options.as_json() ? line(json::object{{"regions", std::move(all)}})
                          : status_view(regions, *catalog::Catalog::built_in()));
  return every ? Exit::ok : Exit::failed;
}

// ---- route

// What the gateway refuses, said with the source, and with what could be asked instead.
Error refused_from(const Error& error, const Options& options) {
  const auto catalog = catalog::Catalog::built_in();
  Error told = error;
  told.message =
      fmt::format("{} cannot be used from {}", options.profile, with_city(options.from, *catalog));
  told.why = error.message;
  if (const auto* profile = catalog->profile(options.profile);
      profile && !profile->row(catalog::RegionId(options.from))) {
    std::vector<std::string> sources;
    for (const auto& [source, row] : profile->rows) sources.push_back(source.str());
    told.why += fmt::format(" The profile has no row for the source {}.", options.from);
    told.mend = fmt::format("call one of its sources: {}", fmt::join(sources, ", "));
  }
  return told;
}

Result<Exit> route(const Options& options) {
  TRY(const auto socket, socket_of(options.target, options.from));
  std::string target = "/v1/route?profile=" + query_escaped(options.profile);
  if (!options.principal.empty()) target += "&principal=" + query_escaped(options.principal);
  const auto answer = admin_get(socket, target);
  if (!answer)
    return fail(answer.error().code == ErrorCode::peer_unavailable
                    ? answer.error()
                    : refused_from(answer.error(), options));
  if (options.as_json() || !answer->is_object()) {
    print(line(*answer));
  } else {
    print(route_view(answer->get_object(), *catalog::Catalog::built_in()));
  }
  return Exit::ok;
}

// ---- explain

Result<Exit> explain_code(const Options& options) {
  for (int i = 0; i < static_cast<int>(ErrorCode::count_); ++i) {
    const aws::ErrorRow& row = aws::row_of(static_cast<ErrorCode>(i));
    if (row.tidegate_code != options.id) continue;
    print(fmt::format("{}  {}\n  on the wire  {} {}\n  mend         {}\n", row.tidegate_code,
                      name_of(row.code), row.status, row.type, row.mend));
    return Exit::ok;
  }
  return fail(ErrorCode::resource_not_found, fmt::format("there is no error {}", options.id),
              "x-tidegate-error of an answer has the code");
}

Result<Exit> explain(const Options& options) {
  if (options.id.starts_with("TG-")) return explain_code(options);
  TRY(const auto sockets, find_admin_sockets(options.target));
  std::vector<std::string> asked, silent;
  for (const AdminSocket& socket : sockets) {
    const auto answer = admin_get(socket.path, "/v1/requests/" + query_escaped(options.id));
    const std::string name = socket.region.empty() ? socket.path : socket.region;
    if (answer && answer->is_object()) {
      print(options.as_json() ? line(*answer)
                              : explain_view(answer->get_object(), *catalog::Catalog::built_in()));
      return Exit::ok;
    }
    if (answer || answer.error().code == ErrorCode::resource_not_found) {
      asked.push_back(name);
    } else {
      silent.push_back(fmt::format("{}: {}", name, answer.error().message));
    }
  }
  std::string why = fmt::format("asked: {}", fmt::join(asked, ", "));
  if (!silent.empty()) why += fmt::format("; not known of: {}", fmt::join(silent, ", "));
  return fail({.code = silent.empty() ? ErrorCode::resource_not_found : ErrorCode::peer_unavailable,
               .message = fmt::format("no Region has a record of request {}", options.id),
               .mend = "the id is in x-amzn-requestid of the answer; a record is in its source "
                       "Region, for as long as it is kept",
               .why = std::move(why)});
}

// ---- apply

Result<Exit> apply(const Options& options) {
  const auto documents = config::load_documents(options.file, config::References::open);
  if (!documents) {
    for (const Error& problem : documents.error()) report(problem);
    return Exit::failed;
  }
  TRY(const auto sockets, find_admin_sockets(options.target));
  Exit code = Exit::ok;
  for (const AdminSocket& socket : sockets) {
    if (!options.from.empty() && socket.region != options.from) continue;
    const auto answer =
        admin_post(socket.path, "/v1/documents", admin::documents_to_json(*documents));
    const std::string name = socket.region.empty() ? socket.path : socket.region;
    if (!answer) {
      Error told = answer.error();
      told.message = fmt::format("{} keeps its documents as they were: {}", name, told.message);
      code = report(told);
      continue;
    }
    const auto version =
        answer->is_object() ? json::find_int(answer->get_object(), "version") : std::nullopt;
    if (options.as_json()) {
      print(line(*answer));
    } else {
      print(fmt::format(
          "{}  documents are at version {}: {} policies, {} principals, {} keys applied\n", name,
          version.value_or(0), documents->policies.size(), documents->principals.size(),
          documents->keys.size()));
    }
  }
  return code;
}

void on_run(CLI::App& command, std::shared_ptr<Options> options, Outcome& outcome,
            Result<Exit> (*run)(const Options&)) {
  options->target.add_options(command);
  add_output(command, options->output);
  command.callback([options, &outcome, run] {
    const auto code = run(*options);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace

void add_status(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("status", "Show the running gateways: slots, links, documents, records");
  on_run(*command, std::make_shared<Options>(), outcome, status);
}

void add_route(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("route", "Show where a request would go now, and why; nothing is run");
  const auto options = std::make_shared<Options>();
  command->add_option("PROFILE", options->profile, "Inference profile or model id")->required();
  command->add_option("--from", options->from, "The source Region")->required();
  command->add_option("--as", options->principal,
                      "ARN of a principal: its policies are decided too");
  on_run(*command, options, outcome, route);
}

void add_explain(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "explain", "Show why a request ran where it ran, or what an error code means");
  const auto options = std::make_shared<Options>();
  command->add_option("ID", options->id, "Request id (x-amzn-requestid), or error code (TG-...)")
      ->required();
  on_run(*command, options, outcome, explain);
}

void add_apply(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "apply", "Load policies, principals, keys and grants into running gateways");
  const auto options = std::make_shared<Options>();
  command->add_option("-f,--file", options->file, "Documents file")->required();
  command->add_option("--region", options->from, "Only this Region's gateway");
  on_run(*command, options, outcome, apply);
}

}  // namespace tidegate::cli
