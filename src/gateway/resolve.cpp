// Stage 3, resolve: which Regions. A profile id, its ARN, or a bare model id becomes a row; from
// here on nothing can name another Region. The words are AWS's, because clients match on them.
#include <fmt/format.h>

#include "aws/arn.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"

namespace tidegate::gateway {
namespace {

std::unexpected<Error> invalid(std::string mend) {
  return fail(ErrorCode::invalid_model_identifier, "The provided model identifier is invalid.",
              std::move(mend));
}

// Profiles of this model that the source may call: what the caller probably meant.
std::string usable_profiles(const catalog::Catalog& catalog, const catalog::RegionId& source,
                            std::string_view model_id) {
  std::string out;
  for (const catalog::Profile* profile : catalog.profiles_from(source)) {
    if (profile->model_id != model_id) continue;
    if (!out.empty()) out += " or ";
    out += profile->id;
  }
  return out;
}

}  // namespace

Result<Target> Pipeline::resolve(std::string_view model_reference, std::string_view account,
                                 const Snapshot& snapshot) const {
  const catalog::RegionId& source = region_.config().region;
  TRY(const api::ModelReference reference, api::parse_model_reference(model_reference));
  using Kind = api::ModelReference::Kind;
  if (reference.kind != Kind::id && reference.region != source.str()) {
    return invalid(
        fmt::format("The ARN is of {}; this endpoint is {}.", reference.region, source.str()));
  }
  if (reference.kind == Kind::application_profile_arn) {
    return invalid(
        "Application inference profiles are not offered yet; name the system-defined profile.");
  }
  if (reference.kind == Kind::inference_profile_arn && reference.account != account) {
    return invalid("The ARN is of another account.");
  }
  if (const catalog::Profile* profile = snapshot.catalog->profile(reference.id);
      profile && reference.kind != Kind::foundation_model_arn) {
    const catalog::Row* row = profile->row(source);
    if (!row) {
      const std::string others = usable_profiles(*snapshot.catalog, source, profile->model_id);
      return invalid(fmt::format(
          "{} has no row for the source {}; {}", profile->id, source.str(),
          others.empty() ? "call an endpoint of one of its sources." : "use " + others + "."));
    }
    return Target{profile, row, profile->model_id,
                  aws::inference_profile_arn(source.str(), account, profile->id)};
  }
  const catalog::Model* model = snapshot.catalog->model(reference.id);
  const auto in_region = snapshot.in_region_rows.find(reference.id);
  if (in_region != snapshot.in_region_rows.end() && reference.kind != Kind::inference_profile_arn) {
    return Target{nullptr, &in_region->second, reference.id, ""};
  }
  if (!model || reference.kind == Kind::inference_profile_arn) {
    return invalid("List the identifiers that this Region knows with ListInferenceProfiles.");
  }
  const std::string profiles = usable_profiles(*snapshot.catalog, source, model->id);
  return fail(ErrorCode::on_demand_not_supported,
              fmt::format("Invocation of model ID {} with on-demand throughput isn\u2019t "
                          "supported. Retry your request with "
                          "the ID or ARN of an inference profile that contains this model.",
                          model->id),
              profiles.empty()
                  ? fmt::format("No profile of this model can be called from {}.", source.str())
                  : fmt::format("Use: {}.", profiles));
}

}  // namespace tidegate::gateway
