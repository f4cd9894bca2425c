// tidegate catalog diff: what a bundle changes, and whom it lets do more.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "catalog/changes.hpp"
#include "cli/catalog_files.hpp"
#include "cli/commands.hpp"
#include "config/documents.hpp"
#include "proof/policies.hpp"

namespace tidegate::cli {
namespace {

struct Options {
  std::string file, against, documents, output = "table";
  bool as_json() const { return output == "json"; }
};

Result<std::shared_ptr<const catalog::Catalog>> before_of(const Options& options) {
  if (options.against.empty()) return catalog::Catalog::built_in();
  TRY(const auto bundle, read_bundle(options.against));
  return bundle.catalog();
}

// Regions that a principal reaches afterwards and did not before.
Result<json::array> widened_principals(const catalog::Catalog& before, const catalog::Catalog& now,
                                       const std::string& file) {
  json::array out;
  const auto documents = config::load_documents(file, config::References::closed);
  if (!documents) return fail(documents.error().front());
  proof::Report ignored;
  TRY(const auto was, proof::prove_policies(before, *documents, std::nullopt, ignored));
  TRY(const auto is, proof::prove_policies(now, *documents, std::nullopt, ignored));
  for (std::size_t i = 0; i < is.size(); ++i) {
    json::array added;
    for (const std::string& region : is[i].regions) {
      if (!was[i].regions.contains(region)) added.emplace_back(region);
    }
    if (added.empty() && is[i].allowed <= was[i].allowed) continue;
    out.push_back(json::object{{"principal", is[i].principal},
                               {"requestsMore", is[i].allowed - was[i].allowed},
                               {"regionsMore", std::move(added)}});
  }
  return out;
}

std::string principals_view(const json::array& principals) {
  std::string out;
  for (const json::value& one : principals) {
    const json::object& o = one.get_object();
    std::vector<std::string> regions;
    for (const json::value& region : o.at("regionsMore").get_array()) {
      regions.emplace_back(region.get_string());
    }
    out += fmt::format("policy     {} may send {} requests more{}{}\n",
                       std::string_view(o.at("principal").get_string()),
                       o.at("requestsMore").to_number<std::int64_t>(),
                       regions.empty() ? "" : ", and reaches ", fmt::join(regions, ", "));
  }
  return out;
}

std::string changes_view(const std::vector<catalog::Change>& changes) {
  std::string out;
  std::vector<std::string> flags;
  for (const auto& change : changes) {
    out += fmt::format("{:<11}{}{}{}  {}\n", change.what, change.name,
                       change.version ? fmt::format("@{}", change.version) : "",
                       change.widens ? "  WIDENS" : "", change.says);
    if (change.widens) flags.push_back("--accept-widening=" + change.accepted_as());
  }
  const bool fence = std::ranges::any_of(changes, [](const auto& c) { return c.fence; });
  out += fmt::format("signers    {}\n", fence ? "two: it changes the fence" : "one");
  if (!flags.empty()) out += fmt::format("to accept  {}\n", fmt::join(flags, " "));
  return out;
}

Result<Exit> diff(const Options& options) {
  TRY(const catalog::Bundle bundle, read_bundle(options.file));
  TRY(const auto before, before_of(options));
  const auto changes = catalog::changes(*before, *bundle.catalog());
  json::array principals;
  if (!options.documents.empty()) {
    TRY(principals, widened_principals(*before, *bundle.catalog(), options.documents));
  }
  if (options.as_json()) {
    json::array list;
    for (const auto& change : changes) {
      json::object one{{"what", change.what},
                       {"name", change.name},
                       {"says", change.says},
                       {"fence", change.fence},
                       {"widens", change.widens}};
      if (change.version) one["version"] = change.version;
      list.push_back(std::move(one));
    }
    print(line(json::object{{"changes", std::move(list)}, {"principals", std::move(principals)}}));
  } else if (changes.empty()) {
    print("nothing changes\n");
  } else {
    print(changes_view(changes) + principals_view(principals));
  }
  return changes.empty() ? Exit::ok : Exit::differs;
}

}  // namespace

void add_catalog_diff(CLI::App& catalog, Outcome& outcome) {
  const auto options = std::make_shared<Options>();
  auto* command = catalog.add_subcommand(
      "diff",
      "Show what a bundle changes, and name what it widens; exit code 3 if it changes anything");
  command->add_option("BUNDLE", options->file, "The new bundle's file")->required();
  command->add_option("--against", options->against,
                      "The bundle before; else the built-in library");
  command->add_option("-f,--file", options->documents,
                      "Documents: what their principals may do more");
  add_output(*command, options->output);
  command->callback([options, &outcome] {
    const auto code = diff(*options);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace tidegate::cli
