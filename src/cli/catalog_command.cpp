// tidegate catalog: bundles made, signed, shown and applied.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "catalog/adequacy.hpp"
#include "catalog/draft.hpp"
#include "cli/admin_client.hpp"
#include "cli/catalog_files.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "cli/views.hpp"

namespace tidegate::cli {
namespace {

struct Options {
  AdminTarget target;
  std::string output = "table", file, after, key, out, region;
  std::vector<std::string> accepted, signers;
  bool first = false;
  bool as_json() const { return output == "json"; }
};

std::string name_of(const AdminSocket& socket) {
  return socket.region.empty() ? socket.path : socket.region;
}

// ---- keygen

Result<Exit> keygen(const Options& options) {
  const std::filesystem::path secret = options.out + ".key", open = options.out + ".pub";
  std::error_code ignored;
  for (const auto& file : {secret, open}) {
    if (std::filesystem::exists(file, ignored)) {
      return fail(ErrorCode::configuration, fmt::format("{} is there already", file.string()),
                  "choose another name: a key that signed something must not be lost");
    }
  }
  TRY(const Ed25519Pem pem, make_ed25519_key());
  TRY_VOID(write_file(secret, pem.private_key, private_mode));
  TRY_VOID(write_file(open, pem.public_key, public_mode));
  TRY(const auto key, Ed25519PublicKey::from_pem(pem.public_key));
  print(
      fmt::format("{}  the private key: keep it with its signer, away from gateways\n"
                  "{}  the public key {}: name it in catalog.signers\n",
                  secret.string(), open.string(), key.id()));
  return Exit::ok;
}

// ---- draft, sign

Result<void> write_bundle(const catalog::Bundle& bundle, const std::string& file) {
  if (file.empty() || file == "-") {
    print(bundle.text());
    return {};
  }
  return write_file(file, bundle.text(), public_mode);
}

Result<Exit> draft(const Options& options) {
  std::optional<catalog::Bundle> before;
  if (!options.after.empty()) {
    TRY(before, read_bundle(options.after));
  }
  TRY(const std::string own, read_catalog_file(options.file));
  auto bundle = catalog::draft_next(own, before ? &*before : nullptr);
  if (!bundle) {
    bundle.error().message = fmt::format("{}: {}", options.file, bundle.error().message);
    return fail(std::move(bundle).error());
  }
  TRY_VOID(write_bundle(*bundle, options.out));
  note(fmt::format("epoch {}, SHA-256 {}", bundle->epoch(), bundle->sha256()));
  return Exit::ok;
}

Result<Exit> sign(const Options& options) {
  TRY(catalog::Bundle bundle, read_bundle(options.file));
  TRY(const std::string pem, read_catalog_file(options.key));
  if (auto done = bundle.sign(pem); !done) {
    done.error().message = fmt::format("{}: {}", options.key, done.error().message);
    return fail(std::move(done).error());
  }
  TRY_VOID(write_bundle(bundle, options.out.empty() ? options.file : options.out));
  note(fmt::format("epoch {}, SHA-256 {}: {} signatures", bundle.epoch(), bundle.sha256(),
                   bundle.signatures().size()));
  return Exit::ok;
}

// ---- show

Result<Exit> show_running(const Options& options) {
  TRY(const auto sockets, find_admin_sockets(options.target));
  json::array all;
  std::string alarms;
  Table table({"REGION", "EPOCH", "SHA-256", "PROFILES", "REGIONS"});
  Exit code = Exit::ok;
  for (const AdminSocket& socket : sockets) {
    const auto answer = admin_get(socket.path, "/v1/catalog");
    if (!answer || !answer->is_object()) {
      if (!answer) code = report(answer.error());
      continue;
    }
    const json::object& o = answer->get_object();
    const auto number = [&](std::string_view name) {
      return std::to_string(json::find_int(o, name).value_or(0));
    };
    table.add({name_of(socket), number("epoch"),
               std::string(json::find_string(o, "sha256").value_or("")), number("profiles"),
               number("regions")});
    alarms += adequacy_view(name_of(socket), o, *catalog::Catalog::built_in());
    if (!options.out.empty()) {  // the first one's file
      const auto text = json::find_string(o, "bundle");
      if (!text || text->empty()) {
        return fail(ErrorCode::resource_not_found,
                    fmt::format("{} has the built-in library and no bundle", name_of(socket)));
      }
      TRY_VOID(write_file(options.out, *text, public_mode));
      return Exit::ok;
    }
    all.push_back(*answer);
  }
  print(options.as_json() ? line(json::object{{"regions", std::move(all)}})
                          : table.text() + alarms);
  return code;
}

Result<std::vector<catalog::Signer>> named_signers(const Options& options) {
  std::vector<gateway::CatalogSigner> files;
  for (const std::string& text : options.signers) {
    const auto at = text.find('=');
    if (at == std::string::npos) {
      return fail(ErrorCode::configuration, fmt::format("--signer {} is not NAME=FILE", text),
                  "write it like --signer ada=ada.pub");
    }
    files.push_back({.name = text.substr(0, at), .key = text.substr(at + 1)});
  }
  return read_signers(files);
}

Result<Exit> show(const Options& options) {
  if (options.file.empty()) return show_running(options);
  TRY(const catalog::Bundle bundle, read_bundle(options.file));
  TRY(const auto signers, named_signers(options));
  TRY(const auto names, bundle.verify(signers));
  const catalog::Catalog& catalog = *bundle.catalog();
  json::object ends{{"adequacyEnds", catalog::soon_json(catalog, SystemClock().wall())}};
  if (options.as_json()) {
    json::array keys, trusted;
    for (const auto& one : bundle.signatures()) keys.emplace_back(one.key);
    for (const auto& name : names) trusted.emplace_back(name);
    print(line(json::object{{"epoch", bundle.epoch()},
                            {"sha256", bundle.sha256()},
                            {"previous", bundle.previous()},
                            {"profiles", catalog.profiles().size()},
                            {"regions", catalog.regions().size()},
                            {"keys", std::move(keys)},
                            {"signers", std::move(trusted)},
                            {"adequacyEnds", std::move(ends["adequacyEnds"])}}));
    return Exit::ok;
  }
  std::vector<std::string> keys;
  for (const auto& one : bundle.signatures()) keys.push_back(one.key);
  print(fmt::format(
      "epoch      {}\nSHA-256    {}\nprevious   {}\nholds      {} Regions, {} "
      "geographies, {} models, {} profiles, {} revocations\nkeys       {}\n",
      bundle.epoch(), bundle.sha256(), bundle.previous().empty() ? "none" : bundle.previous(),
      catalog.regions().size(), catalog.geographies().size(), catalog.models().size(),
      catalog.profiles().size(), catalog.revoked().size(),
      keys.empty() ? "none" : fmt::format("{}", fmt::join(keys, ", "))));
  if (!signers.empty()) print(fmt::format("signed by  {}\n", fmt::join(names, ", ")));
  print(adequacy_view(options.file, ends, catalog));
  return Exit::ok;
}

// ---- apply

std::string applied_view(const std::string& region, const json::object& answer) {
  std::string out = fmt::format("{}  epoch {} is in force, SHA-256 {}\n", region,
                                json::find_int(answer, "epoch").value_or(0),
                                json::find_string(answer, "sha256").value_or(""));
  const json::array* lost = json::find_array(answer, "profilesLost");
  for (const json::value& one : lost ? *lost : json::array()) {
    const json::object* profile = one.if_object();
    if (!profile) continue;
    out += fmt::format("  refused from now on: {}\n    {}\n",
                       json::find_string(*profile, "arn").value_or(""),
                       json::find_string(*profile, "why").value_or(""));
  }
  return out;
}

Result<Exit> apply(const Options& options) {
  // As it is: what is wrong with it is the gateway's to say, and to record.
  TRY(const std::string text, read_catalog_file(options.file));
  TRY(const auto sockets, find_admin_sockets(options.target));
  std::string query = fmt::format("/v1/catalog?first={}", options.first);
  if (!options.accepted.empty()) {
    query += "&accept=" + query_escaped(fmt::format("{}", fmt::join(options.accepted, ",")));
  }
  Exit code = Exit::ok;
  std::size_t asked = 0;
  for (const AdminSocket& socket : sockets) {
    if (!options.region.empty() && socket.region != options.region) continue;
    ++asked;
    const auto answer = admin_post_text(socket.path, query, text);
    if (!answer) {
      Error told = answer.error();
      told.message =
          fmt::format("{} keeps the catalogue that it has: {}", name_of(socket), told.message);
      code = report(told);
      continue;
    }
    print(options.as_json() ? line(*answer) : applied_view(name_of(socket), answer->as_object()));
  }
  if (asked == 0) {
    return fail(ErrorCode::peer_unavailable,
                fmt::format("no gateway of {} was found", options.region),
                "name its socket: --socket STATE_DIR/admin.sock, or its folder: --home");
  }
  return code;
}

// ---- the command line

CLI::App* add(CLI::App& app, const char* name, const char* what,
              const std::shared_ptr<Options>& options, Outcome& outcome,
              Result<Exit> (*run)(const Options&)) {
  auto* command = app.add_subcommand(name, what);
  command->callback([options, &outcome, run] {
    const auto code = run(*options);
    outcome.code = code ? *code : report(code.error());
  });
  return command;
}

void add_making(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<Options>();
  auto* command = add(app, "keygen", "Make a signer's key pair: NAME.key (0600) and NAME.pub",
                      options, outcome, keygen);
  command->add_option("NAME", options->out, "Path without its ending")->required();

  options = std::make_shared<Options>();
  command = add(app, "draft",
                "Lay Regions, geographies, models and profiles of your own over a catalogue: the "
                "next bundle, unsigned",
                options, outcome, draft);
  command->add_option("FILE", options->file, "Your own content, in the form of a catalogue")
      ->required();
  command->add_option("--after", options->after,
                      "The bundle in force; without it the built-in library, and epoch 1");
  command->add_option("--out", options->out, "Where to write it; without it to standard output");

  options = std::make_shared<Options>();
  command = add(app, "sign", "Add a signature to a bundle", options, outcome, sign);
  command->add_option("BUNDLE", options->file, "The bundle's file")->required();
  command->add_option("--key", options->key, "The signer's private key")->required();
  command->add_option("--out", options->out, "Where to write it; without it in place");
}

void add_looking(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<Options>();
  auto* command = add(app, "show", "Show a bundle, or without one what the gateways have in force",
                      options, outcome, show);
  command->add_option("BUNDLE", options->file, "The bundle's file");
  command->add_option("--signer", options->signers, "NAME=FILE of a public key: did they sign it?");
  command->add_option("--save", options->out, "Write the bundle in force here to a file");
  options->target.add_options(*command);
  add_output(*command, options->output);

  add_catalog_diff(app, outcome);

  options = std::make_shared<Options>();
  command = add(app, "apply", "Put a bundle in force in the running gateways, without a restart",
                options, outcome, apply);
  command->add_option("BUNDLE", options->file, "The bundle's file")->required();
  command->add_option("--accept-widening", options->accepted,
                      "NAME@VERSION of what may let requests run where they could not");
  command->add_flag("--first", options->first,
                    "Begin with this epoch, where a gateway has no bundle yet");
  command->add_option("--region", options->region, "Only this Region's gateway");
  options->target.add_options(*command);
  add_output(*command, options->output);
}

}  // namespace

void add_catalog(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("catalog", "Signed catalogues: make, compare and apply them");
  command->require_subcommand(1);
  add_making(*command, outcome);
  add_looking(*command, outcome);
}

}  // namespace tidegate::cli
