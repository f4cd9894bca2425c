// tidegate cordon, drain, exclude and their undoing: which Regions gateways may not use, for a
// while or until an operator says otherwise.
#include <fmt/format.h>

#include "aws/sigv4.hpp"
#include "base/limits.hpp"
#include "cli/admin_client.hpp"
#include "cli/commands.hpp"
#include "cli/time_text.hpp"

namespace tidegate::cli {
namespace {

// Two commands a kind.
struct Verb {
  const char *kind, *name, *help, *undo, *undo_help, *done, *undone;
};
constexpr Verb verbs[] = {
    {"cordon", "cordon", "Let sources send a Region no new requests; those running go on",
     "uncordon", "End a cordon", "is cordoned", "is no longer cordoned"},
    {"drain", "drain",
     "Let a Region take no new work, of its callers or of peers; it finishes what it has",
     "undrain", "End a drain", "is drained", "is no longer drained"},
    {"exclude", "exclude",
     "Use a Region for nothing, by an operator's decision (compliance, incident)", "unexclude",
     "End an exclusion", "is excluded", "is no longer excluded"},
};

struct Options {
  AdminTarget target;
  std::string region, reason, approver, expires, from;
};

// A duration from now or a time, as the admin API takes it.
Result<std::string> expiry(const std::string& text) {
  if (const auto lasts = parse_duration(text, limits::restriction_expires_max)) {
    return aws::iso8601(SystemClock().wall() + *lasts + 1s);  // whole seconds, none too short
  }
  if (const auto time = aws::parse_iso8601(text)) return aws::iso8601(*time);
  return fail({.code = ErrorCode::configuration,
               .message = fmt::format("--expires {} is neither a time from now nor a time", text),
               .mend = "write it like 30m, 12h, 7d or 2026-12-01T00:00:00Z",
               .why = fmt::format("a restriction that ends does so within {} days",
                                  limits::restriction_expires_max.count())});
}

// A drain is the Region's own; the rest is asked of every source, or of one.
Result<std::vector<AdminSocket>> gateways(const Options& options, bool own) {
  const std::string& only = own ? options.region : options.from;
  if (only.empty()) return find_admin_sockets(options.target);
  TRY(std::string path, socket_of(options.target, only));
  return std::vector<AdminSocket>{{.path = std::move(path), .region = only}};
}

Result<Exit> run(const Options& options, const Verb& verb, bool undo) {
  json::object body{{"region", options.region},
                    {"kind", verb.kind},
                    {"reason", options.reason},
                    {"approver", options.approver}};
  if (!options.expires.empty()) {
    TRY(body["expires"], expiry(options.expires));
  }
  TRY(const auto sockets, gateways(options, std::string_view(verb.kind) == "drain"));
  Exit code = Exit::ok;
  for (const AdminSocket& socket : sockets) {
    const std::string name = socket.region.empty() ? socket.path : socket.region;
    const auto answer =
        admin_post(socket.path, undo ? "/v1/restrictions/lift" : "/v1/restrictions", body);
    if (!answer) {
      Error told = answer.error();
      told.message = fmt::format("{} stays as it was: {}", name, told.message);
      code = report(told);
      continue;
    }
    const auto until = !undo && answer->is_object()
                           ? json::find_string(answer->get_object(), "expires")
                           : std::nullopt;
    print(fmt::format("{}  {} {}{}\n", name, options.region, undo ? verb.undone : verb.done,
                      until ? fmt::format(" until {}", *until) : ""));
  }
  return code;
}

void add(CLI::App& app, Outcome& outcome, const Verb& verb, bool undo) {
  auto* command =
      app.add_subcommand(undo ? verb.undo : verb.name, undo ? verb.undo_help : verb.help);
  const auto options = std::make_shared<Options>();
  command->add_option("REGION", options->region, "The Region")->required();
  command->add_option("--reason", options->reason, "Why, for the audit log and for callers")
      ->required();
  command->add_option("--approver", options->approver, "Who decided it, for the audit log")
      ->required();
  if (!undo) {
    command->add_option("--expires", options->expires,
                        "When it ends by itself: 30m, 12h, 7d or 2026-12-01T00:00:00Z");
  }
  if (std::string_view(verb.kind) != "drain") {
    command->add_option("--from", options->from, "Only this source's gateway; without it, all");
  }
  options->target.add_options(*command);
  command->callback([options, &outcome, &verb, undo] {
    const auto code = run(*options, verb, undo);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace

void add_restrictions(CLI::App& app, Outcome& outcome) {
  for (const Verb& verb : verbs) {
    add(app, outcome, verb, false);
    add(app, outcome, verb, true);
  }
}

}  // namespace tidegate::cli
