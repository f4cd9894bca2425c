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
                                target.row->hash(), target.model_id);
  auto& cached = permits_[std::move(key)];
  if (!cached) {
    cached = std::make_shared<const std::vector<policy::Check>>(policy::check_invoke(
        snapshot.policies_of(principal), {.action = std::string(operation.iam_action()),
                                          .account = principal.account,
                                          .model_id = target.model_id,
                                          .profile = target.profile,
                                          .row = target.row}));
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

// Control operations: one check, on the resource they name.
Result<Permit> Pipeline::authorize_control(Trail& trail) {
  const api::Operation& operation = trail.call->operation();
  const identity::PrincipalRecord& principal = trail.principal->record();
  const std::string& source = region_.config().region.str();
  if (operation.id == api::OperationId::get_caller_identity) {  // AWS needs no permission for it
    return Permit(std::make_shared<const std::vector<policy::Check>>());
  }
  std::string resource = "*";
  if (const auto& parameters = trail.call->match.path_parameters; !parameters.empty()) {
    const std::string& named = parameters.begin()->second;
    resource = named.starts_with("arn:") ? named
               : operation.id == api::OperationId::get_inference_profile
                   ? aws::inference_profile_arn(source, principal.account, named)
                   : aws::foundation_model_arn(source, named);
  }
  policy::Request request{std::string(operation.iam_action()), std::move(resource), source,
                          std::nullopt};
  policy::Decision decision = policy::evaluate(trail.snapshot->policies_of(principal), request);
  auto checks = std::make_shared<const std::vector<policy::Check>>(
      std::vector<policy::Check>{{std::move(request), std::move(decision)}});
  trail.checks = checks;
  if (!checks->front().decision.allowed())
    return fail(policy::access_denied(principal.arn, *checks));
  return Permit(std::move(checks));
}

}  // namespace tidegate::gateway
