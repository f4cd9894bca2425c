// Stage 4, authorize: may they? The profile and every destination of its row are decided up front,
// deployed or not, so that the answer does not depend on where the request happens to be routed.
#include <fmt/format.h>

#include "aws/arn.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

// Off until the operator grants it, to the deployment and to the caller.
Result<void> check_global_grant(const Target& target, const identity::PrincipalRecord& principal,
                                const RegionConfig& config) {
  if (!target.profile || target.profile->scope != catalog::Scope::global) return {};
  if (config.global_profiles == GlobalProfiles::on && principal.global_grant) return {};
  const bool deployment = config.global_profiles == GlobalProfiles::on;
  return fail(
      ErrorCode::access_denied,
      fmt::format(
          "User: {} is not authorized to perform: bedrock:InvokeModel on resource: {} "
          "because global "
          "inference profiles are off until the operator grants them",
          principal.arn,
          aws::inference_profile_arn(config.region.str(), principal.account, target.profile->id)),
      deployment
          ? fmt::format("Ask the operator for a global_grant for {}, or use a geographic profile.",
                        principal.arn)
          : "This deployment runs with global_profiles: off; use a geographic profile.");
}

std::string_view bearer_type(identity::Credential credential) {
  switch (credential) {
    case identity::Credential::access_key:
      return {};
    case identity::Credential::api_key:
      return "LONG_TERM";
    case identity::Credential::short_term_key:
      break;
  }
  return "SHORT_TERM";
}

}  // namespace

CheckedPtr Pipeline::check(const Target& target, const api::Operation& operation,
                           const Caller& caller, const std::shared_ptr<const Snapshot>& snapshot) {
  // A pure function of caller, action, row and application profile within one snapshot, so its
  // result is remembered. A row belongs to one profile, or to one model of this Region.
  if (permits_of_ != snapshot || permits_.size() >= limits::permit_cache_max) {
    permits_.clear();
    permits_of_ = snapshot;
  }
  auto& cached = permits_[{caller, target.row, operation.id, target.application_profile_arn}];
  if (!cached) {
    cached = std::make_shared<const Checked>(
        policy::check_invoke(snapshot->policies_of(*caller.principal),
                             {.action = std::string(operation.iam_action()),
                              .account = caller.principal->account,
                              .model_id = target.model_id,
                              .profile = target.profile,
                              .row = target.row,
                              .application_profile_arn = target.application_profile_arn,
                              .bearer = bearer_type(caller.credential)}));
  }
  return cached;
}

std::size_t Pipeline::PermitHash::operator()(const PermitKey& key) const {
  const auto mix = [](std::size_t seed, std::size_t value) {
    return (seed ^ value) * 0x9e3779b97f4a7c15u;
  };
  std::size_t out = std::hash<std::string_view>{}(key.application_profile_arn);
  out = mix(out, static_cast<std::size_t>(key.operation));
  out = mix(out, reinterpret_cast<std::size_t>(key.caller.principal));
  out = mix(out, static_cast<std::size_t>(key.caller.credential));
  return mix(out, reinterpret_cast<std::size_t>(key.row)) >> 16;
}

Result<Permit> Pipeline::authorize(Trail& trail) {
  const identity::PrincipalRecord& principal = trail.principal->record();
  trail.checked = check(*trail.target, trail.call->operation(), trail.caller(), trail.snapshot);
  if (!trail.checked->allowed()) {
    return fail(policy::access_denied(principal.arn, trail.checked->denied()));
  }
  TRY_VOID(check_global_grant(*trail.target, principal, region_.config()));
  return Permit(trail.checked);
}

// Could the caller converse with it? As authorize() would say.
bool Pipeline::may_use(const Trail& trail, const Target& target) {
  static const api::Operation converse{.id = api::OperationId::converse,
                                       .service = api::Service::bedrock_runtime,
                                       .name = "Converse",
                                       .method = {},
                                       .path = {}};
  return check_global_grant(target, trail.principal->record(), region_.config()) &&
         check(target, converse, trail.caller(), trail.snapshot)->allowed();
}

// Control operations: all that one does must be allowed, each on its resource.
Result<void> Pipeline::authorize_control(Trail& trail, const std::vector<ControlCheck>& wanted) {
  const identity::PrincipalRecord& principal = trail.principal->record();
  const auto policies = trail.snapshot->policies_of(principal);
  std::vector<policy::Check> checks;
  if (const auto bearer = bearer_type(trail.principal->credential()); !bearer.empty())
    checks.push_back(policy::check_bearer(policies, region_.config().region.str(), bearer));
  for (const ControlCheck& one : wanted) {
    policy::Request request{std::string(one.action), one.resource, region_.config().region.str(),
                            std::nullopt};
    policy::Decision decision = policy::evaluate(policies, request);
    checks.push_back({std::move(request), std::move(decision)});
  }
  trail.checked = std::make_shared<const Checked>(std::move(checks));
  if (!trail.checked->allowed()) {
    return fail(policy::access_denied(principal.arn, trail.checked->denied()));
  }
  trail.permit = Permit(trail.checked);
  return {};
}

}  // namespace tidegate::gateway
