// What one model call must be allowed to do, and how a refusal is told: AWS evaluates the profile
// and the model in every Region that may run it, and names only the first that is denied; here the
// mend names them all.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "aws/arn.hpp"
#include "base/json.hpp"
#include "policy/policy.hpp"

namespace tidegate::policy {
namespace {

constexpr std::string_view unspecified = "unspecified";

// Of a call of a model "the model in eu-west-1"; of a control operation what it does, and on what.
std::string subject(const Request& request) {
  if (!request.action.starts_with("bedrock:InvokeModel")) {
    return request.resource == "*" ? request.action
                                   : fmt::format("{} on {}", request.action, request.resource);
  }
  if (request.resource.contains("inference-profile/")) return "the profile itself";
  return request.requested_region == unspecified
             ? "the model without a Region (\"unspecified\")"
             : fmt::format("the model in {}", request.requested_region);
}

std::string allow_statement(const std::vector<const Check*>& checks) {
  std::vector<std::string> resources;
  for (const Check* check : checks) {
    std::string quoted;
    json::append_quoted(quoted, check->request.resource);
    resources.push_back(std::move(quoted));
  }
  return fmt::format(R"({{"Effect":"Allow","Action":"{}","Resource":[{}]}})",
                     checks.front()->request.action, fmt::join(resources, ","));
}

std::string subjects(const std::vector<const Check*>& checks) {
  std::vector<std::string> all;
  for (const Check* check : checks) all.push_back(subject(check->request));
  return fmt::format("{}", fmt::join(all, ", "));
}

bool same_decision(const Check& a, const Check& b) {
  return a.request.action == b.request.action && a.decision.outcome == b.decision.outcome &&
         a.decision.policy == b.decision.policy && a.decision.statement == b.decision.statement;
}

// In the order of the checks, one group for each action and each statement that denied it (an
// implicit deny has none).
std::vector<std::vector<const Check*>> by_decision(const std::vector<Check>& denied) {
  std::vector<std::vector<const Check*>> groups;
  for (const Check& check : denied) {
    const auto group = std::ranges::find_if(
        groups, [&](const auto& g) { return same_decision(*g.front(), check); });
    if (group == groups.end()) {
      groups.push_back({&check});
    } else {
      group->push_back(&check);
    }
  }
  return groups;
}

}  // namespace

Check check_bearer(const std::vector<const PolicyDocument*>& policies, std::string region,
                   std::string_view type) {
  Request request{"bedrock:CallWithBearerToken", "*", std::move(region), std::nullopt,
                  std::string(type)};
  Decision decision = evaluate(policies, request);
  return {std::move(request), std::move(decision)};
}

std::vector<Check> check_invoke(const std::vector<const PolicyDocument*>& policies,
                                const InvokeQuestion& question) {
  const std::string& source = question.row->source().str();
  std::optional<std::string> profile_arn;
  std::vector<Check> checks;
  checks.reserve(4 + question.row->destinations().size());
  const auto add = [&](std::string resource, std::string_view region) {
    Request request{question.action, std::move(resource), std::string(region), profile_arn};
    Decision decision = evaluate(policies, request);
    checks.push_back({std::move(request), std::move(decision)});
  };

  if (!question.bearer.empty()) checks.push_back(check_bearer(policies, source, question.bearer));
  // Of a call through an application profile, that is the profile; the one it copies was checked
  // when it was made.
  if (!question.application_profile_arn.empty()) {
    profile_arn = question.application_profile_arn;
  } else if (question.profile) {
    profile_arn = aws::inference_profile_arn(source, question.account, question.profile->id);
  }
  if (profile_arn) add(*profile_arn, source);
  add(aws::foundation_model_arn(source, question.model_id), source);
  if (!question.profile) return checks;

  if (question.profile->scope == catalog::Scope::global) {
    add(aws::Arn{std::string(aws::partition_of(source)), "bedrock", "", "",
                 "foundation-model/" + question.model_id}
            .str(),
        unspecified);
    return checks;
  }
  for (const auto& destination : question.row->destinations()) {
    const std::string& region = destination.region().str();
    if (region != source) add(aws::foundation_model_arn(region, question.model_id), region);
  }
  return checks;
}

Error access_denied(std::string_view principal_arn, const std::vector<Check>& denied) {
  Error error{.code = ErrorCode::access_denied,
              .origin = Origin::client,
              .message = {},
              .mend = {},
              .why = {}};
  if (denied.empty()) {
    error.message = fmt::format("User: {} is not authorized to perform this action", principal_arn);
    return error;
  }
  const Request& first = denied.front().request;
  const Decision& decision = denied.front().decision;
  error.message = fmt::format("User: {} is not authorized to perform: {} on resource: {} ",
                              principal_arn, first.action, first.resource);
  error.message +=
      decision.outcome == Outcome::explicit_deny
          ? fmt::format("with an explicit deny in an identity-based policy: {}", decision.policy)
          : fmt::format("because no identity-based policy allows the {} action", first.action);

  std::vector<std::string> reasons, mends;
  for (const auto& group : by_decision(denied)) {
    const Decision& shared = group.front()->decision;
    if (shared.outcome == Outcome::explicit_deny) {
      reasons.push_back(fmt::format("statement {} of policy {} denies {}", shared.statement,
                                    shared.policy, subjects(group)));
      mends.push_back(
          fmt::format("narrow statement {} of policy {} or call a profile that it does "
                      "not concern",
                      shared.statement, shared.policy));
    } else {
      reasons.push_back(fmt::format("no statement allows {}", subjects(group)));
      mends.push_back(fmt::format("add {} to a policy of this principal", allow_statement(group)));
    }
  }
  error.why = fmt::format("{}", fmt::join(reasons, "; "));
  error.mend = fmt::format("In all, {}: {}.", error.why, fmt::join(mends, "; and "));
  return error;
}

}  // namespace tidegate::policy
