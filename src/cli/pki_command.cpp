// tidegate pki: the certificates of a deployment, made with what is here; no other tool is needed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "aws/sigv4.hpp"
#include "catalog/catalog.hpp"
#include "cli/commands.hpp"
#include "cli/pki.hpp"
#include "config/did_you_mean.hpp"

namespace tidegate::cli {
namespace {

struct Options {
  std::string directory = "pki", operator_domain, file;
  std::vector<std::string> regions;
  pki::IssueRequest issue;
  int days = 90;
};

Exit show_made(const Result<std::vector<pki::Outcome>>& outcomes) {
  if (!outcomes) return report(outcomes.error());
  for (const pki::Outcome& outcome : *outcomes) {
    print(fmt::format("{}  {}\n", outcome.made == pki::Made::created ? "made" : "kept",
                      outcome.file.string()));
  }
  return Exit::ok;
}

Exit init(const Options& options) {
  const auto catalog = catalog::Catalog::built_in();
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

  auto* show_command = command->add_subcommand("show", "Show the certificates in a PEM file");
  show_command->add_option("FILE", options->file, "PEM file")->required();
  show_command->callback([options, &outcome] { outcome.code = show(*options); });
}

}  // namespace tidegate::cli
