// tidegate prove: does a catalogue keep the fence, and what may given principals reach?
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/admin_client.hpp"
#include "cli/catalog_files.hpp"
#include "cli/commands.hpp"
#include "cli/proof_view.hpp"
#include "config/documents.hpp"
#include "proof/report_json.hpp"

namespace tidegate::cli {
namespace {

struct Options {
  AdminTarget target;
  std::string bundle, against, documents;
  std::vector<std::string> within;
  std::string output = "table";
  bool state = false;
  bool as_json() const { return output == "json"; }
};

// A catalogue's document, or a bundle that has one.
Result<std::shared_ptr<const catalog::Catalog>> load(const std::string& file) {
  if (file.empty()) return catalog::Catalog::built_in();
  TRY(const std::string text, read_catalog_file(file));
  if (text.starts_with(R"({"bundle":)")) {
    TRY(const auto bundle, read_bundle(file));
    return bundle.catalog();
  }
  auto parsed = catalog::Catalog::parse(text);
  if (!parsed) parsed.error().message = fmt::format("{}: {}", file, parsed.error().message);
  return parsed;
}

// What may not change without a new version: by default against the library that other Regions have
// built in.
Result<void> compare(const catalog::Catalog& catalog, const Options& options,
                     proof::Report& report) {
  if (options.bundle.empty() && options.against.empty()) return {};
  TRY(const auto reference, load(options.against));
  TRY(const auto before, proof::Oracle::read(reference->document()));
  TRY(const auto now, proof::Oracle::read(catalog.document()));
  proof::compare(before, now, report);
  return {};
}

// Regions, and geographies of the catalogue, by name.
Result<std::optional<proof::Oracle::Names>> within(const catalog::Catalog& catalog,
                                                   const Options& options) {
  if (options.within.empty()) return std::nullopt;
  proof::Oracle::Names names;
  for (const std::string& name : options.within) {
    if (catalog.region(catalog::RegionId(name))) {
      names.insert(name);
    } else if (const auto* geography = catalog.geography(name);
               geography && !geography->everywhere()) {
      for (const auto& region : geography->regions) names.insert(region.str());
    } else {
      return fail(
          ErrorCode::configuration,
          fmt::format("--within {}: neither a Region nor a geography with a boundary", name));
    }
  }
  return names;
}

Result<Exit> prove_bundle(const Options& options) {
  TRY(const auto catalog, load(options.bundle));
  TRY(proof::Report report, proof::prove(catalog, SystemClock()));
  TRY_VOID(compare(*catalog, options, report));
  std::vector<proof::Reach> principals;
  std::vector<proof::Narrowing> narrowings;
  if (!options.documents.empty()) {
    const auto documents = config::load_documents(options.documents, config::References::closed);
    if (!documents) {
      for (const Error& problem : documents.error()) cli::report(problem);
      return Exit::failed;
    }
    TRY(const auto boundary, within(*catalog, options));
    TRY(principals, proof::prove_policies(*catalog, *documents, boundary, report));
    TRY(narrowings, proof::prove_narrowed(catalog, *documents, report));
  }
  json::object answer = proof::to_json(report);
  if (!options.documents.empty()) answer["principals"] = proof::to_json(principals);
  if (!narrowings.empty()) answer["narrowedRows"] = proof::to_json(narrowings);
  print(options.as_json()
            ? line(answer)
            : proof_view(options.bundle.empty() ? "built-in" : options.bundle, answer, *catalog));
  return report.holds() ? Exit::ok : Exit::failed;
}

StateProof ask(const AdminSocket& socket) {
  StateProof state{
      .region = socket.region.empty() ? socket.path : socket.region, .answer = {}, .problem = {}};
  if (auto answer = admin_get(socket.path, "/v1/proof"); answer && answer->is_object()) {
    state.answer = std::move(answer->get_object());
    state.region = json::find_string(state.answer, "region").value_or(state.region);
  } else {
    state.problem = answer ? "its answer is not an object" : answer.error().message;
  }
  return state;
}

Result<Exit> prove_state(const Options& options) {
  TRY(const auto sockets, find_admin_sockets(options.target));
  std::vector<StateProof> regions;
  bool holds = true;
  for (const AdminSocket& socket : sockets) {
    regions.push_back(ask(socket));
    holds = holds && json::find_bool(regions.back().answer, "holds").value_or(false);
  }
  const std::vector<std::string> differences = row_differences(regions);
  holds = holds && differences.empty();
  if (!options.as_json()) {
    print(state_view(regions, differences, *catalog::Catalog::built_in()));
    return holds ? Exit::ok : Exit::failed;
  }
  json::array all, differing;
  for (StateProof& state : regions) {
    state.answer.erase("rows");
    if (!state.problem.empty()) {
      state.answer = {{"region", state.region}, {"holds", false}, {"problem", state.problem}};
    }
    all.push_back(std::move(state.answer));
  }
  for (const std::string& difference : differences) differing.emplace_back(difference);
  print(json::serialize(json::object{{"holds", holds},
                                     {"regions", std::move(all)},
                                     {"rowDifferences", std::move(differing)}}) +
        "\n");
  return holds ? Exit::ok : Exit::failed;
}

}  // namespace

void add_prove(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "prove", "Prove that no request can leave its fence; exit 1 with the requests that could");
  const auto options = std::make_shared<Options>();
  auto* bundle = command->add_option("BUNDLE", options->bundle,
                                     "A catalogue's file (default: the library that is built in)");
  auto* against = command->add_option(
      "--against", options->against,
      "The catalogue that was in force: nothing of it may change under the same "
      "version (default for a file: the library that is built in)");
  auto* documents = command->add_option("-f,--documents", options->documents,
                                        "Documents: show what their principals may reach, too");
  auto* within = command
                     ->add_option("--within", options->within,
                                  "Regions or geographies beyond which no principal may reach")
                     ->needs(documents);
  auto* state = command->add_flag("--state", options->state,
                                  "Ask the running gateways about what they have loaded, and "
                                  "compare their rows");
  for (auto* option : {bundle, against, documents, within}) state->excludes(option);
  options->target.add_options(*command);
  add_output(*command, options->output);
  command->callback([options, &outcome] {
    const auto code = options->state ? prove_state(*options) : prove_bundle(*options);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace tidegate::cli
