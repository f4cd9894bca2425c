// tidegate check: everything that can be known to be wrong before a gateway starts, and the
// reference of the keys.
#include <fmt/format.h>

#include <filesystem>

#include "base/time.hpp"
#include "catalog/catalog.hpp"
#include "cli/catalog_files.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "cli/pki.hpp"
#include "config/documents.hpp"
#include "config/reference.hpp"
#include "peer/identity.hpp"

namespace tidegate::cli {
namespace {

struct Options {
  std::string config, documents, catalog;
  bool reference = false;
};

// The files that a configuration names, opened as the gateway will.
void check_files(const gateway::RegionConfig& config, std::vector<Error>& problems) {
  const WallTime now = SystemClock().wall();
  const auto pair = [&](const gateway::TlsFiles& files, std::string_view credential,
                        const std::string& uri) {
    if (files.empty()) return;
    const std::string key = credential_or(credential, files.key);
    if (auto facts = pki::check_pair(files.certificate, key, uri, now); !facts)
      problems.push_back(facts.error());
  };
  pair(config.api_tls, api_key_credential, "");
  pair(config.peer_tls, peer_key_credential,
       peer::RegionIdentity{config.region, config.operator_domain, config.node}.uri());
  if (auto signers = read_signers(config.catalog_signers); !signers)
    problems.push_back(signers.error());
  for (const auto& peer : config.peers) {
    if (auto bundle = pki::check_bundle(peer.trust_bundle); !bundle)
      problems.push_back(bundle.error());
  }
}

// Against the bundle that is named on the command line, else in the file, else the built-in
// library.
Result<std::shared_ptr<const catalog::Catalog>> catalog_to_check(const Options& options) {
  if (!options.catalog.empty()) {
    TRY(const auto bundle, read_bundle(options.catalog));
    return bundle.catalog();
  }
  const auto config = config::check_region_config(options.config, nullptr);
  return config ? catalog_named_by(*config) : catalog::Catalog::built_in();
}

Exit check_region(const Options& options) {
  const std::string& file = options.config;
  const auto catalog = catalog_to_check(options);
  if (!catalog) return report(catalog.error());
  const auto config = config::check_region_config(file, catalog->get());
  std::vector<Error> problems = config ? std::vector<Error>{} : config.error();
  if (config) check_files(*config, problems);
  for (const Error& problem : problems) report(problem);
  if (!problems.empty()) return Exit::failed;
  print(fmt::format("{}: good. {} ({} back-ends, {} models, {} peers)\n", file,
                    config->region.str(), config->backends.size(), config->models.size(),
                    config->peers.size()));
  return Exit::ok;
}

Exit check_documents(const std::string& file) {
  const auto documents = config::load_documents(file, config::References::closed);
  if (!documents) {
    for (const Error& problem : documents.error()) report(problem);
    return Exit::failed;
  }
  print(fmt::format("{}: good. {} policies, {} principals, {} keys\n", file,
                    documents->policies.size(), documents->principals.size(),
                    documents->keys.size()));
  return Exit::ok;
}

Exit run(const Options& options) {
  if (options.reference) {
    print(config::reference_markdown());
    return Exit::ok;
  }
  if (options.config.empty() && options.documents.empty()) {
    note(
        "error: nothing to check\n  mend: tidegate check -c tidegate.yaml, or -f documents.yaml, "
        "or both");
    return Exit::usage;
  }
  Exit code = options.config.empty() ? Exit::ok : check_region(options);
  if (!options.documents.empty() && check_documents(options.documents) != Exit::ok)
    code = Exit::failed;
  return code;
}

}  // namespace

void add_check(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "check", "Check a configuration file and documents without starting anything");
  const auto options = std::make_shared<Options>();
  command->add_option("-c,--config", options->config, "A Region's tidegate.yaml");
  command->add_option("-f,--file", options->documents, "Documents: policies, principals, keys");
  command->add_option("--catalog", options->catalog,
                      "The bundle in force; else the one that the file names");
  command->add_flag("--print-reference", options->reference,
                    "Print every key of both files as Markdown");
  command->callback([options, &outcome] { outcome.code = run(*options); });
}

}  // namespace tidegate::cli
