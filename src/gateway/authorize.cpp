// Stage 4, authorize: may they? The profile and every destination of its row are decided up front,
// deployed or not, so that the answer does not depend on where the request happens to be routed.
#include <fmt/format.h>

#include "aws/arn.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

std::vector<policy::Check> denied_among(const std::vector<policy::Check>& checks) {
  std::vector<policy::Check> out;
  std::ranges::copy_if(checks, std::back_inserter(out),
                       [](const policy::Check& c) { return !c.decision.allowed(); });
  return out;
}

// Off until the operator grants it, to the deployment and to the caller.
Result<void> check_global_grant(const Target& target, const identity::PrincipalRecord& principal,
                                const RegionConfig& config) {
  if (!target.profile || target.profile->scope != catalog::Scope::global) return {};
  if (config.global_profiles == GlobalProfiles::on && principal.global_grant) return {};
  const bool deployment = config.global_profiles == GlobalProfiles::on;
  return fail(
      ErrorCode::access_denied,
      fmt::format("User: {} is not authorized to perform: bedrock:InvokeModel on resource: {} "
                  "because global "
                  "inference profiles are off until the operator grants them",
                  principal.arn, target.profile_arn),
      deployment
          ? fmt::format("Ask the operator for a global_grant for {}, or use a geographic profile.",
                        principal.arn)
          : "This deployment runs with global_profiles: off; use a geographic profile.");
}

}  // namespace

std::shared_ptr<const std::vector<policy::Check>> Pipeline::check(
    const Target& target, const api::Operation& operation,
    const identity::PrincipalRecord& principal, const Snapshot& snapshot) {
  // A pure function of principal, action and row within one snapshot, so its result is remembered.
  if (permits_version_ != snapshot.version || permits_.size() >= limits::permit_cache_max) {
    permits_.clear();
    permits_version_ = snapshot.version;
  }
  std::string key = fmt::format("{}\n{}\n{}\n{}", principal.arn, operation.iam_action(),
                                target.row->hash(), target.model_id) +
                    "\n" + target.application_profile_arn;
  auto& cached = permits_[std::move(key)];
  if (!cached) {
    cached = std::make_shared<const std::vector<policy::Check>>(
        policy::check_invoke(snapshot.policies_of(principal),
                             {.action = std::string(operation.iam_action()),
                              .account = principal.account,
                              .model_id = target.model_id,
                              .profile = target.profile,
                              .row = target.row,
                              .application_profile_arn = target.application_profile_arn}));
  }
  return cached;
}

Result<Permit> Pipeline::authorize(Trail& trail) {
  const identity::PrincipalRecord& principal = trail.principal->record();
  trail.checks = check(*trail.target, trail.call->operation(), principal, *trail.snapshot);
  const auto denied = denied_among(*trail.checks);
  if (!denied.empty()) return fail(policy::access_denied(principal.arn, denied));
  TRY_VOID(check_global_grant(*trail.target, principal, region_.config()));
  return Permit(trail.checks);
}

// Control operations: all that one does must be allowed, each on its resource.
Result<void> Pipeline::authorize_control(Trail& trail, const std::vector<ControlCheck>& wanted) {
  const identity::PrincipalRecord& principal = trail.principal->record();
  const auto policies = trail.snapshot->policies_of(principal);
  std::vector<policy::Check> checks;
  for (const ControlCheck& one : wanted) {
    policy::Request request{std::string(one.action), one.resource, region_.config().region.str(),
                            std::nullopt};
    policy::Decision decision = policy::evaluate(policies, request);
    checks.push_back({std::move(request), std::move(decision)});
  }
  trail.checks = std::make_shared<const std::vector<policy::Check>>(std::move(checks));
  const auto denied = denied_among(*trail.checks);
  if (!denied.empty()) return fail(policy::access_denied(principal.arn, denied));
  trail.permit = Permit(trail.checks);
  return {};
}

}  // namespace tidegate::gateway
