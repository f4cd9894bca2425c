// The evaluator: one path for every decision, no shortcuts. Explicit deny wins, then allow, else
// deny.
#include <algorithm>

#include "policy/pattern.hpp"
#include "policy/policy.hpp"

namespace tidegate::policy {
namespace {

bool any_action(const std::vector<std::string>& patterns, std::string_view action) {
  return std::ranges::any_of(patterns,
                             [&](const auto& p) { return glob_ignoring_case(p, action); });
}

bool any_resource(const std::vector<std::string>& patterns, std::string_view resource) {
  return std::ranges::any_of(patterns, [&](const auto& p) { return arn_matches(p, resource); });
}

std::optional<std::string_view> value_of(const Request& request, std::string_view key) {
  if (key == "aws:requestedregion") return request.requested_region;
  if (key == "bedrock:bearertokentype") return request.bearer_token_type;
  return request.inference_profile_arn;  // the loader lets no fourth key through
}

bool holds(const Condition& condition, const Request& request) {
  const auto value = value_of(request, condition.key);
  const auto any = [&](auto matches) {
    return value &&
           std::ranges::any_of(condition.values, [&](const auto& v) { return matches(v, *value); });
  };
  const auto equal = [](std::string_view a, std::string_view b) { return a == b; };
  // A key that is missing: false for the positive operators and, as none may match, true for the
  // negated ones.
  switch (condition.op) {
    case Operator::string_equals:
      return any(equal);
    case Operator::string_not_equals:
      return !any(equal);
    case Operator::string_like:
      return any(glob);
    case Operator::string_not_like:
      return !any(glob);
    case Operator::arn_equals:
    case Operator::arn_like:
      return any(arn_matches);
    case Operator::arn_not_equals:
    case Operator::arn_not_like:
      return !any(arn_matches);
    case Operator::null: {
      const std::string_view absent = value ? "false" : "true";
      return std::ranges::find(condition.values, absent) != condition.values.end();
    }
  }
  return false;
}

bool applies(const Statement& statement, const Request& request) {
  const bool action = statement.not_actions.empty()
                          ? any_action(statement.actions, request.action)
                          : !any_action(statement.not_actions, request.action);
  if (!action) return false;
  const bool resource = statement.not_resources.empty()
                            ? any_resource(statement.resources, request.resource)
                            : !any_resource(statement.not_resources, request.resource);
  return resource && std::ranges::all_of(statement.conditions,
                                         [&](const auto& c) { return holds(c, request); });
}

}  // namespace

Decision evaluate(const std::vector<const PolicyDocument*>& policies, const Request& request) {
  Decision decision;
  for (const PolicyDocument* policy : policies) {
    for (const Statement& statement : policy->statements) {
      if (!applies(statement, request)) continue;
      if (statement.effect == Effect::deny) {
        return {Outcome::explicit_deny, policy->name, statement.sid};
      }
      if (!decision.allowed()) decision = {Outcome::allowed, policy->name, statement.sid};
    }
  }
  return decision;
}

}  // namespace tidegate::policy
