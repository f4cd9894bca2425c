// tidegate keys: API keys of a deployment's gateways. A key's text is made here and shown once; the
// gateways get its SHA-256.
#include <fmt/format.h>

#include <map>

#include "admin/admin_api.hpp"
#include "aws/sigv4.hpp"
#include "base/rng.hpp"
#include "cli/admin_client.hpp"
#include "cli/commands.hpp"
#include "cli/time_text.hpp"
#include "config/documents.hpp"

namespace tidegate::cli {
namespace {

constexpr std::chrono::days expires_in_max{366};
constexpr std::size_t name_bytes_max = 128;

struct Options {
  AdminTarget target;
  std::string output = "table", principal, name, expires_in = "30d", id;
  bool as_json() const { return output == "json"; }
};

std::unexpected<Error> wrong(std::string what, std::string why, std::string mend) {
  return fail({.code = ErrorCode::configuration,
               .message = std::move(what),
               .mend = std::move(mend),
               .why = std::move(why)});
}

std::string name_of(const AdminSocket& socket) {
  return socket.region.empty() ? socket.path : socket.region;
}

Result<std::chrono::minutes> lifetime(std::string_view text) {
  if (const auto parsed = parse_duration(text, expires_in_max)) return *parsed;
  return wrong(fmt::format("--expires-in {} is not a time from now", text),
               fmt::format("a key ends, after 1 minute to {} days", expires_in_max.count()),
               "write it like 30d, 12h or 90m");
}

// To every gateway, whatever the others answer: a deployment of which one Region is away must be
// able to revoke. The exit code is the last failure's.
Exit post_key(const std::vector<AdminSocket>& sockets, const identity::ApiKey& key,
              std::size_t& applied) {
  Exit code = Exit::ok;
  gateway::Documents documents;
  documents.api_keys = {key};
  for (const AdminSocket& socket : sockets) {
    const auto answer =
        admin_post(socket.path, "/v1/documents", admin::documents_to_json(documents));
    if (answer) {
      ++applied;
      continue;
    }
    Error told = answer.error();
    told.message = fmt::format("{} keeps its keys as they were: {}", name_of(socket), told.message);
    code = report(told);
  }
  return code;
}

Result<Exit> create(const Options& options) {
  const auto principal = config::principal_of(options.principal);
  if (!principal)
    return wrong(
        fmt::format("--principal {} is not the ARN of an IAM user or role", options.principal),
        "a key acts as a principal", "write it like arn:aws:iam::111122223333:user/demo");
  if (options.name.size() > name_bytes_max || !is_valid_utf8(options.name))
    return wrong("--name is too long, or not UTF-8",
                 fmt::format("it has at most {} bytes", name_bytes_max), "choose a shorter one");
  TRY(const auto lasts, lifetime(options.expires_in));
  TRY(const auto sockets, find_admin_sockets(options.target));
  SystemRng rng;
  const std::string text = identity::make_api_key(rng);
  const Sha256 digest = sha256(text);
  const WallTime now = SystemClock().wall();
  const identity::ApiKey key{.key_id = identity::api_key_id(digest),
                             .name = options.name,
                             .digest = digest,
                             .principal_arn = options.principal,
                             .created = now,
                             .expires = std::chrono::floor<std::chrono::seconds>(now + lasts)};
  std::size_t applied = 0;
  const Exit code = post_key(sockets, key, applied);
  if (applied == 0) return code;
  if (options.as_json()) {
    json::object out = admin::api_key_to_json(key);
    out["id"] = key.key_id;
    out["key"] = text;
    print(line(out));
  } else {
    print(text + "\n");
    note(fmt::format(
        "{} acts as {} until {}, at {} of {} gateways. This was the only time that it "
        "is shown.",
        key.key_id, key.principal_arn, aws::iso8601(key.expires), applied, sockets.size()));
  }
  return code;
}

// One key, and the gateways that have it.
struct Listed {
  json::object key;
  std::vector<std::string> regions;
};

// By id. A key that gateways tell differently is listed as each of them tells it.
Result<std::vector<Listed>> all_keys(const std::vector<AdminSocket>& sockets, Exit& code) {
  std::map<std::string, Listed> found;
  for (const AdminSocket& socket : sockets) {
    const auto answer = admin_get(socket.path, "/v1/documents");
    if (!answer) {
      code = report(answer.error());
      continue;
    }
    const json::array* keys =
        answer->is_object() ? json::find_array(answer->get_object(), "apiKeys") : nullptr;
    if (!keys) continue;
    for (const json::value& value : *keys) {
      if (!value.is_object()) continue;
      json::object key = value.get_object();
      key.erase("created");  // each gateway's own time
      Listed& listed = found[std::string(json::find_string(key, "id").value_or("")) + ' ' +
                             json::serialize(key)];
      listed.key = value.get_object();
      listed.regions.push_back(name_of(socket));
    }
  }
  std::vector<Listed> out;
  for (auto& [id, listed] : found) out.push_back(std::move(listed));
  return out;
}

std::string state_of(const json::object& key, WallTime now) {
  if (!json::find_bool(key, "active").value_or(false)) return "revoked";
  const auto expires = aws::parse_iso8601(json::find_string(key, "expires").value_or(""));
  return expires && *expires > now ? "active" : "expired";
}

Result<Exit> list(const Options& options) {
  TRY(const auto sockets, find_admin_sockets(options.target));
  Exit code = Exit::ok;
  TRY(auto keys, all_keys(sockets, code));
  const WallTime now = SystemClock().wall();
  Table table({"ID", "NAME", "PRINCIPAL", "CREATED", "EXPIRES", "STATE", "GATEWAYS"});
  json::array all;
  for (Listed& listed : keys) {
    json::object& key = listed.key;
    const auto cell = [&](std::string_view member) {
      return std::string(json::find_string(key, member).value_or(""));
    };
    const std::string state = state_of(key, now);
    table.add({cell("id"), cell("name"), cell("principal"), cell("created"), cell("expires"), state,
               fmt::format("{} of {}", listed.regions.size(), sockets.size())});
    key["state"] = state;
    json::array gateways;
    for (std::string& region : listed.regions) gateways.push_back(json::value(std::move(region)));
    key["gateways"] = std::move(gateways);
    all.push_back(std::move(key));
  }
  print(options.as_json() ? line(json::object{{"keys", std::move(all)}}) : table.text());
  return code;
}

Result<identity::ApiKey> key_of(json::object object) {
  for (const char* member : {"id", "created"}) object.erase(member);
  TRY(gateway::Documents documents,
      admin::documents_from_json(json::object{{"apiKeys", json::array{std::move(object)}}}));
  return std::move(documents.api_keys.front());
}

Result<Exit> revoke(const Options& options) {
  TRY(const auto sockets, find_admin_sockets(options.target));
  Exit code = Exit::ok;
  TRY(auto keys, all_keys(sockets, code));
  const auto found = std::ranges::find_if(
      keys, [&](const Listed& one) { return json::find_string(one.key, "id") == options.id; });
  if (found == keys.end()) {
    return fail({.code = ErrorCode::resource_not_found,
                 .message = fmt::format("no gateway has an API key {}", options.id),
                 .mend = "`tidegate keys list` shows the ids",
                 .why = fmt::format("{} gateways were asked", sockets.size())});
  }
  TRY(identity::ApiKey key, key_of(std::move(found->key)));
  key.active = false;
  std::size_t applied = 0;
  if (const Exit posted = post_key(sockets, key, applied); posted != Exit::ok) code = posted;
  if (applied > 0)
    note(fmt::format("{} is revoked at {} of {} gateways", options.id, applied, sockets.size()));
  return code;
}

void on_run(CLI::App& command, const std::shared_ptr<Options>& options, Outcome& outcome,
            Result<Exit> (*run)(const Options&)) {
  options->target.add_options(command);
  command.callback([options, &outcome, run] {
    const auto code = run(*options);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace

void add_keys(CLI::App& app, Outcome& outcome) {
  auto* keys = app.add_subcommand("keys", "Make, list and revoke API keys of running gateways");
  keys->require_subcommand(1);
  const auto options = std::make_shared<Options>();

  auto* made = keys->add_subcommand("create", "Make a key, show it once, and tell the gateways");
  made->add_option("--principal", options->principal, "ARN of whom it acts as")->required();
  made->add_option("--expires-in", options->expires_in, "How long it is accepted: 30d, 12h, 90m")
      ->capture_default_str();
  made->add_option("--name", options->name, "What it is for");
  add_output(*made, options->output);
  on_run(*made, options, outcome, create);

  auto* listed = keys->add_subcommand("list", "Show the keys: ids and expiry, never a key");
  add_output(*listed, options->output);
  on_run(*listed, options, outcome, list);

  auto* revoked = keys->add_subcommand("revoke", "End a key before it expires");
  revoked->add_option("ID", options->id, "The key's id, ACCA...")->required();
  on_run(*revoked, options, outcome, revoke);
}

}  // namespace tidegate::cli
