#include "proof/policies.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aws/arn.hpp"
#include "policy/policy.hpp"

namespace tidegate::proof {
namespace {

using Policies = std::vector<const policy::PolicyDocument*>;

constexpr std::string_view actions[] = {"bedrock:InvokeModel",
                                        "bedrock:InvokeModelWithResponseStream"};

class Principal {
 public:
  Principal(const identity::PrincipalRecord& record, Policies policies,
            const std::optional<Oracle::Names>& within, Report& report)
      : record_(record), policies_(std::move(policies)), within_(within), report_(report) {
    reach_.principal = record.arn;
  }

  // One model or profile at one source, by each action.
  void ask(const std::string& model, const catalog::Profile* profile, const catalog::Row& row) {
    for (const std::string_view action : actions) {
      ++reach_.requests;
      const auto checks = policy::check_invoke(policies_, {.action = std::string(action),
                                                           .account = record_.account,
                                                           .model_id = model,
                                                           .profile = profile,
                                                           .row = &row});
      const bool decided = std::ranges::all_of(
          checks, [](const policy::Check& check) { return check.decision.allowed(); });
      const bool global = profile && profile->scope == catalog::Scope::global;
      if (!decided || (global && !record_.global_grant)) continue;
      ++reach_.allowed;
      const auto kept = narrowed(profile, row);
      for (const auto& destination : row.destinations()) {
        const std::string& region = destination.region().str();
        if (kept && !kept->contains(destination.region())) continue;
        reach_.regions.insert(region);
        // The policies name no destination of a global profile: AWS gives it no ARN of its own.
        if (!global) check_destination(action, model, profile, row, region);
        if (within_ && !within_->contains(region)) {
          add("outside_within", model, profile, row, region,
              fmt::format("{} lets it run outside of what --within names", action));
        }
      }
    }
  }

  Reach take() { return std::move(reach_); }

 private:
  // The principal's part of the row; a part that its source would refuse counts for nothing.
  std::optional<catalog::RowSubset> narrowed(const catalog::Profile* profile,
                                             const catalog::Row& row) const {
    for (const identity::NarrowedRow& wanted : record_.narrowed_rows) {
      if (!profile || wanted.profile != profile->id) continue;
      auto subset =
          row.narrow(std::vector<catalog::RegionId>(wanted.regions.begin(), wanted.regions.end()));
      if (subset) return *std::move(subset);
    }
    return std::nullopt;
  }

  // Asked for this destination by itself, whatever the code above looked at.
  void check_destination(std::string_view action, const std::string& model,
                         const catalog::Profile* profile, const catalog::Row& row,
                         const std::string& region) {
    policy::Request request{.action = std::string(action),
                            .resource = aws::foundation_model_arn(region, model),
                            .requested_region = region,
                            .inference_profile_arn = std::nullopt};
    if (profile) {
      request.inference_profile_arn =
          aws::inference_profile_arn(row.source().str(), record_.account, profile->id);
    }
    const policy::Decision decision = policy::evaluate(policies_, request);
    if (decision.allowed()) return;
    add("policy_passed_over", model, profile, row, region,
        decision.policy.empty() ? fmt::format("no statement allows {} there", action)
                                : fmt::format("statement {} of {} denies {} there",
                                              decision.statement, decision.policy, action));
  }

  void add(std::string rule, const std::string& model, const catalog::Profile* profile,
           const catalog::Row& row, const std::string& region, std::string says) {
    report_.add({.rule = std::move(rule),
                 .profile = profile ? profile->id : std::string(),
                 .model = model,
                 .source = row.source().str(),
                 .destination = region,
                 .says = fmt::format("{}: {}", record_.arn, says)});
  }

  const identity::PrincipalRecord& record_;
  const Policies policies_;
  const std::optional<Oracle::Names>& within_;
  Report& report_;
  Reach reach_;
};

}  // namespace

Result<std::vector<Reach>> prove_policies(const catalog::Catalog& catalog,
                                          const gateway::Documents& documents,
                                          const std::optional<Oracle::Names>& within,
                                          Report& report) {
  policy::PolicyTable table;
  for (const gateway::PolicyText& text : documents.policies) {
    TRY(auto parsed, policy::PolicyDocument::parse(text.name, text.json));
    table.insert_or_assign(text.name, std::move(parsed));
  }
  std::vector<catalog::Row> alone;  // what bare model ids may use
  for (const auto& [id, model] : catalog.models()) {
    for (const auto& region : catalog.regions()) {
      alone.push_back(catalog::Catalog::in_region_row(id, region.id));
    }
  }
  std::vector<Reach> all;
  for (const identity::PrincipalRecord& record : documents.principals) {
    Policies policies;
    for (const std::string& name : record.policies) {
      const auto found = table.find(name);
      if (found == table.end()) {
        return fail(ErrorCode::configuration,
                    fmt::format("{} carries the policy {}, which is not there", record.arn, name));
      }
      policies.push_back(&found->second);
    }
    Principal principal(record, std::move(policies), within, report);
    for (const catalog::Row& row : alone) principal.ask(row.profile_id(), nullptr, row);
    for (const auto& [id, profile] : catalog.profiles()) {
      for (const auto& [source, row] : profile.rows) principal.ask(profile.model_id, &profile, row);
    }
    all.push_back(principal.take());
  }
  return all;
}

}  // namespace tidegate::proof
