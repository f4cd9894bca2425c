// tidegate pki: the certificates of a deployment, made with what is here; no other tool is needed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "aws/sigv4.hpp"
#include "catalog/catalog.hpp"
#include "cli/admin_client.hpp"
#include "cli/catalog_files.hpp"
#include "cli/commands.hpp"
#include "cli/pki.hpp"
#include "config/did_you_mean.hpp"

namespace tidegate::cli {
namespace {

struct Options {
  std::string directory = "pki", operator_domain, file, catalog;
  std::vector<std::string> regions, names;
  pki::IssueRequest issue;
  int days = 90;
  bool authority = false, public_authority = false;
  AdminTarget gateways;
};

std::string_view word_of(pki::Made made) {
  switch (made) {
    case pki::Made::created:
      return "made";
    case pki::Made::kept:
      return "kept";
    case pki::Made::replaced:
      break;
  }
  return "wrote";
}

Exit show_made(const Result<std::vector<pki::Outcome>>& outcomes) {
  if (!outcomes) return report(outcomes.error());
  for (const pki::Outcome& outcome : *outcomes)
    print(fmt::format("{:<5} {}\n", word_of(outcome.made), outcome.file.string()));
  return Exit::ok;
}

Exit init(const Options& options) {
  auto catalog = catalog::Catalog::built_in();
  if (!options.catalog.empty()) {
    const auto bundle = read_bundle(options.catalog);
    if (!bundle) return report(bundle.error());
    catalog = bundle->catalog();
  }
  std::vector<std::string_view> known;
  for (const auto& region : catalog->regions()) known.push_back(region.id.str());
  for (const std::string& region : options.regions) {
    if (catalog->region(catalog::RegionId(region))) continue;
    return report({.code = ErrorCode::configuration,
                   .message = fmt::format("\"{}\" is not a Region", region),
                   .mend = config::did_you_mean(region, known),
                   .why = "the catalogue knows no such Region"});
  }
  return show_made(pki::init({options.directory}, options.operator_domain, options.regions,
                             SystemClock().wall()));
}

Exit issue(const Options& options) {
  pki::IssueRequest request = options.issue;
  request.lifetime = std::chrono::days(options.days);
  return show_made(pki::issue({options.directory}, request, SystemClock().wall()));
}

// What a gateway says that it has in force after a reload.
std::string in_force(const json::object& answer) {
  std::string text;
  for (const std::string_view which : {"api", "peer"}) {
    const auto* facts = answer.if_contains(which);
    if (!facts || !facts->is_object()) continue;
    text +=
        fmt::format("  {:<4} {}  until {}\n", which,
                    json::find_string(facts->get_object(), "sha256").value_or("?").substr(0, 16),
                    json::find_string(facts->get_object(), "notAfter").value_or("?"));
    const auto* authorities = facts->get_object().if_contains("authorities");
    if (!authorities || !authorities->is_object()) continue;
    for (const auto& [region, count] : authorities->get_object())
      text += fmt::format("  trusts {} by {} authorit{}\n", region, json::serialize(count),
                          count == 1 ? "y" : "ies");
  }
  return text;
}

Exit reload(const AdminTarget& target) {
  const auto sockets = find_admin_sockets(target);
  if (!sockets) return report(sockets.error());
  Exit code = Exit::ok;
  for (const AdminSocket& socket : *sockets) {
    const auto answer = admin_post(socket.path, "/v1/certificates", json::object{});
    const std::string name = socket.region.empty() ? socket.path : socket.region;
    if (!answer) {
      Error told = answer.error();
      told.message = fmt::format("{} keeps its certificates as they were: {}", name, told.message);
      code = report(told);
      continue;
    }
    if (!answer->is_object()) continue;
    print(fmt::format("{} has taken its certificates and trust bundles\n{}",
                      json::find_string(answer->get_object(), "region").value_or(name),
                      in_force(answer->get_object())));
  }
  return code;
}

// What is left for people to do.
std::string carry(const pki::Paths& paths, const Options& options, pki::AuthorityStep step) {
  const bool announced = step == pki::AuthorityStep::announced;
  if (!options.public_authority) {
    const std::string bundle = paths.region_ca(options.issue.region).string();
    return announced ? fmt::format(
                           "Announced. Carry {} to every other Region, run tidegate pki reload "
                           "there, then run this command again: it switches.",
                           bundle)
                     : fmt::format(
                           "Switched. The next rotation takes the old authority out of {}: carry "
                           "it to the other Regions then.",
                           bundle);
  }
  const std::string bundle = paths.api_ca().string();
  if (announced) {
    return fmt::format(
        "Announced. Give {} to every client, then run this command again: it "
        "switches, and whoever trusts the old authority alone is let in no more.",
        bundle);
  }
  if (step == pki::AuthorityStep::retired) {
    return fmt::format("Retired. {} has the new authority alone: give it to clients.", bundle);
  }
  return "Switched. Run tidegate pki rotate for every other gateway whose public certificate is "
         "made "
         "here, then this command again: it retires the old authority.";
}

Exit rotate(const Options& options) {
  pki::IssueRequest request = options.issue;
  request.lifetime = std::chrono::days(options.days);
  const pki::Paths paths{options.directory};
  const WallTime now = SystemClock().wall();
  if (!options.authority && !options.public_authority) {
    if (const Exit code = show_made(pki::rotate(paths, request, now)); code != Exit::ok)
      return code;
  } else {
    const auto rotation = options.public_authority ? pki::rotate_api_authority(paths, request, now)
                                                   : pki::rotate_authority(paths, request, now);
    if (!rotation) return report(rotation.error());
    show_made(rotation->outcomes);
    note(carry(paths, options, rotation->step));
  }
  return options.gateways.given() ? reload(options.gateways) : Exit::ok;
}

Exit show(const Options& options) {
  const auto all = pki::read(options.file);
  if (!all) return report(all.error());
  for (const pki::Facts& facts : *all) {
    const double left =
        std::chrono::duration<double>(facts.not_after - SystemClock().wall()).count();
    print(fmt::format("{}\n", facts.authority ? "authority" : "certificate"));
    print(fmt::format("  subject     {}\n  issuer      {}\n  serial      {}\n", facts.subject,
                      facts.issuer, facts.serial));
    if (!facts.names.empty())
      print(fmt::format("  names       {}\n", fmt::join(facts.names, ", ")));
    if (!facts.usages.empty())
      print(fmt::format("  usages      {}\n", fmt::join(facts.usages, ", ")));
    for (const std::string& constraint : facts.constraints)
      print(fmt::format("  constraint  {}\n", constraint));
    print(fmt::format("  in force    {} to {} ({})\n", aws::iso8601(facts.not_before),
                      aws::iso8601(facts.not_after),
                      left > 0 ? short_duration(left) + " left" : "over"));
    print(fmt::format("  sha256      {}\n", facts.sha256));
  }
  return Exit::ok;
}

void add_rotate(CLI::App& pki, std::shared_ptr<Options> options, Outcome& outcome) {
  auto* command = pki.add_subcommand("rotate",
                                     "Issue a gateway's certificates anew, or replace an "
                                     "authority; a gateway that is named takes them");
  command->add_option("--dir", options->directory, "Folder of the deployment's certificates")
      ->capture_default_str();
  command->add_option("--region", options->issue.region, "The gateway's Region")->required();
  command->add_option("--node", options->issue.node, "The gateway's name within the Region")
      ->capture_default_str();
  command
      ->add_option("--name,--address", options->names,
                   "DNS names and addresses of its public port (default: as before)")
      ->delimiter(',');
  command->add_option("--days", options->days, "How long they hold")
      ->check(CLI::Range(1, 825))
      ->capture_default_str();
  auto* authority = command->add_flag(
      "--authority", options->authority,
      "Replace the Region's authority: announces a new one, and the next time switches to it");
  command
      ->add_flag("--public-authority", options->public_authority,
                 "Replace the authority of public ports, which clients trust: announces a new one, "
                 "switches to it, and the third time retires the old one")
      ->excludes(authority);
  options->gateways.add_options(*command);
  command->callback([options, &outcome] {
    options->issue.names = options->names;
    outcome.code = rotate(*options);
  });
}

}  // namespace

void add_pki(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("pki", "Make and show the certificates of Regions");
  command->require_subcommand(1);
  const auto options = std::make_shared<Options>();

  auto* init_command = command->add_subcommand(
      "init", "Make the authorities that are missing: one a Region, one for public ports");
  init_command->add_option("--dir", options->directory, "Folder of the deployment's certificates")
      ->capture_default_str();
  init_command
      ->add_option("--operator-domain", options->operator_domain,
                   "Your domain; trust domains are REGION.DOMAIN")
      ->required();
  init_command
      ->add_option("--regions,--region", options->regions, "Regions whose authorities to make here")
      ->delimiter(',')
      ->required();
  init_command->add_option("--catalog", options->catalog,
                           "The bundle that knows Regions of your own");
  init_command->callback([options, &outcome] { outcome.code = init(*options); });

  auto* issue_command = command->add_subcommand(
      "issue", "Issue a gateway's certificates: for other Regions, and for its public port");
  issue_command->add_option("--dir", options->directory, "Folder of the deployment's certificates")
      ->capture_default_str();
  issue_command->add_option("--region", options->issue.region, "The gateway's Region")->required();
  issue_command->add_option("--node", options->issue.node, "The gateway's name within the Region")
      ->capture_default_str();
  issue_command
      ->add_option("--name,--address", options->issue.names,
                   "DNS names and addresses of its public port")
      ->delimiter(',')
      ->capture_default_str();
  issue_command->add_option("--days", options->days, "How long they hold")
      ->check(CLI::Range(1, 825))
      ->capture_default_str();
  issue_command->callback([options, &outcome] { outcome.code = issue(*options); });

  add_rotate(*command, options, outcome);

  auto* reload_command = command->add_subcommand(
      "reload", "Let running gateways take the certificates and trust bundles of their files");
  options->gateways.add_options(*reload_command);
  reload_command->callback([options, &outcome] { outcome.code = reload(options->gateways); });

  auto* show_command = command->add_subcommand("show", "Show the certificates in a PEM file");
  show_command->add_option("FILE", options->file, "PEM file")->required();
  show_command->callback([options, &outcome] { outcome.code = show(*options); });
}

}  // namespace tidegate::cli
