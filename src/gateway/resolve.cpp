// Stage 3, resolve: which Regions. A profile id, its ARN, an application profile or a bare model id
// becomes a row; from here on nothing can name another Region. The words are AWS's, because clients
// match on them.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "aws/arn.hpp"
#include "aws/sigv4.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/resolve.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

std::unexpected<Error> invalid(std::string mend) {
  return fail(ErrorCode::invalid_model_identifier, "The provided model identifier is invalid.",
              std::move(mend));
}

// Profiles of this model that the source may call: what the caller probably meant.
std::string usable_profiles(const catalog::Catalog& catalog, const catalog::RegionId& source,
                            std::string_view model_id, WallTime now) {
  std::string out;
  for (const catalog::Profile* profile : catalog.profiles_of(model_id)) {
    if (!profile->row(source) || profile->lifecycle.at(now) == catalog::Stage::gone) continue;
    if (!out.empty()) out += " or ";
    out += profile->id;
  }
  return out;
}

// Sets `target.legacy`. Errors: invalid_model_identifier (it is gone).
Result<void> check_lifecycle(Target& target, std::string_view id,
                             const catalog::Lifecycle& lifecycle, WallTime now) {
  switch (lifecycle.at(now)) {
    case catalog::Stage::active:
      return {};
    case catalog::Stage::legacy:
      target.legacy = &lifecycle;
      return {};
    case catalog::Stage::gone:
      break;
  }
  return invalid(fmt::format(
      "{} reached its end of life at {}; {}", id, aws::iso8601(*lifecycle.end_of_life),
      lifecycle.successor.empty() ? "ListInferenceProfiles shows what is there."
                                  : fmt::format("its successor is {}.", lifecycle.successor)));
}

Result<Target> profile_target(const catalog::Profile& profile, const catalog::RegionId& source,
                              const catalog::Catalog& catalog, WallTime now) {
  const catalog::Row* row = profile.row(source);
  if (!row) {
    const std::string others = usable_profiles(catalog, source, profile.model_id, now);
    return invalid(fmt::format(
        "{} has no row for the source {}; {}", profile.id, source.str(),
        others.empty() ? "call an endpoint of one of its sources." : "use " + others + "."));
  }
  Target target{
      .profile = &profile, .row = row, .model_id = profile.model_id, .application_profile_arn = {}};
  TRY_VOID(check_lifecycle(target, profile.id, profile.lifecycle, now));
  return target;
}

// By itself a model runs in the source Region only, if at all.
Result<Target> model_target(const std::string& model_id, const catalog::RegionId& source,
                            const Snapshot& snapshot, WallTime now) {
  Target target{
      .profile = nullptr, .row = nullptr, .model_id = model_id, .application_profile_arn = {}};
  if (const catalog::Model* model = snapshot.catalog->model(model_id)) {
    TRY_VOID(check_lifecycle(target, model_id, model->lifecycle, now));
  }
  const auto in_region = snapshot.in_region_rows.find(model_id);
  if (in_region != snapshot.in_region_rows.end()) {
    target.row = &in_region->second;
    return target;
  }
  const std::string profiles = usable_profiles(*snapshot.catalog, source, model_id, now);
  return fail(ErrorCode::on_demand_not_supported,
              fmt::format("Invocation of model ID {} with on-demand throughput isn\u2019t "
                          "supported. Retry your request with "
                          "the ID or ARN of an inference profile that contains this model.",
                          model_id),
              profiles.empty()
                  ? fmt::format("No profile of this model can be called from {}.", source.str())
                  : fmt::format("Use: {}.", profiles));
}

// What the profile copies, under the profile's own name. A catalogue may have lost it since.
Result<Target> application_target(const api::ApplicationProfile& application,
                                  const catalog::RegionId& source, const Snapshot& snapshot,
                                  WallTime now) {
  Result<Target> target = [&]() -> Result<Target> {
    if (application.profile_id.empty())
      return model_target(application.model_id, source, snapshot, now);
    const catalog::Profile* base = snapshot.catalog->profile(application.profile_id);
    if (base) return profile_target(*base, source, *snapshot.catalog, now);
    return invalid(
        fmt::format("It copies {}, which this Region no longer has.", application.profile_id));
  }();
  if (!target) return target;
  target->application_profile_arn =
      api::application_profile_arn(source.str(), application.account, application.id);
  TRY(auto subset, api::narrowed_row(*target->row, application.tags));
  if (subset) target->subset = std::make_shared<const catalog::RowSubset>(*std::move(subset));
  return target;
}

}  // namespace

Result<Target> resolve(std::string_view model_reference, std::string_view account,
                       const catalog::RegionId& source, const Snapshot& snapshot,
                       const FindApplicationProfile& find_application, WallTime now) {
  TRY(const api::ModelReference reference, api::parse_model_reference(model_reference));
  using Kind = api::ModelReference::Kind;
  if (reference.kind != Kind::id && reference.region != source.str()) {
    return invalid(
        fmt::format("The ARN is of {}; this endpoint is {}.", reference.region, source.str()));
  }
  const bool of_account = reference.kind == Kind::inference_profile_arn ||
                          reference.kind == Kind::application_profile_arn;
  if (of_account && reference.account != account) {
    return invalid("The ARN is of another account.");
  }
  if (reference.kind != Kind::foundation_model_arn &&
      reference.kind != Kind::application_profile_arn) {
    if (const catalog::Profile* profile = snapshot.catalog->profile(reference.id)) {
      return profile_target(*profile, source, *snapshot.catalog, now);
    }
  }
  const bool names_model =
      reference.kind == Kind::id || reference.kind == Kind::foundation_model_arn;
  const bool known =
      snapshot.in_region_rows.contains(reference.id) || snapshot.catalog->model(reference.id);
  if (names_model && known) return model_target(reference.id, source, snapshot, now);
  // AWS wants the ARN of an application profile here; its id alone names it as well.
  if (reference.kind == Kind::id || reference.kind == Kind::application_profile_arn) {
    if (const auto profile = find_application(account, reference.id)) {
      return application_target(*profile, source, snapshot, now);
    }
  }
  return invalid("List the identifiers that this Region knows with ListInferenceProfiles.");
}

std::vector<LostProfile> lost_profiles(const std::vector<ApplicationProfileTable::Profile>& all,
                                       const catalog::RegionId& source, const Snapshot& before,
                                       const Snapshot& after, WallTime now) {
  std::vector<LostProfile> out;
  for (const auto& application : all) {
    const auto target = application_target(*application, source, after, now);
    if (target || !application_target(*application, source, before, now)) continue;
    const Error& error = target.error();
    out.push_back(
        {.arn = api::application_profile_arn(source.str(), application->account, application->id),
         .why = error.mend.empty() ? error.message : error.message + " " + error.mend});
  }
  return out;
}

Result<void> narrow(Target& target, const identity::PrincipalRecord& principal,
                    const Snapshot& snapshot) {
  if (!target.profile || snapshot.narrowed_rows.empty()) return {};
  const auto of_principal = snapshot.narrowed_rows.find(principal.arn);
  if (of_principal == snapshot.narrowed_rows.end()) return {};
  const auto found = of_principal->second.find(target.profile->id);
  if (found == of_principal->second.end()) return {};
  if (!target.subset) {
    target.subset = found->second;
    return {};
  }
  std::vector<catalog::RegionId> both;
  std::ranges::set_intersection(target.subset->regions(), found->second->regions(),
                                std::back_inserter(both));
  if (both.empty()) {
    return fail(ErrorCode::validation,
                fmt::format("The application inference profile keeps to {}, its caller to {}: no "
                            "Region is left.",
                            target.subset->names(), found->second->names()),
                fmt::format("Change the tag {} of the profile, or use {} itself.", api::regions_tag,
                            target.profile->id));
  }
  TRY(auto subset, target.row->narrow(std::move(both)));
  target.subset = std::make_shared<const catalog::RowSubset>(std::move(subset));
  return {};
}

Result<Target> Pipeline::resolve(std::string_view model_reference, std::string_view account,
                                 const Snapshot& snapshot) const {
  return gateway::resolve(
      model_reference, account, region_.config().region, snapshot,
      [this](std::string_view owner, std::string_view id) {
        return region_.application_profiles().find(owner, id);
      },
      worker_.loop().clock().wall());
}

}  // namespace tidegate::gateway
