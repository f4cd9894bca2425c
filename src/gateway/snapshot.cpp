#include "gateway/snapshot.hpp"

#include <fmt/format.h>

namespace tidegate::gateway {
namespace {

// A profile that cannot be called from here has nothing to narrow here.
Result<Snapshot::NarrowedRows> narrow_rows(const identity::PrincipalRecord& principal,
                                           const catalog::Catalog& catalog,
                                           const catalog::RegionId& source) {
  Snapshot::NarrowedRows out;
  for (const identity::NarrowedRow& wanted : principal.narrowed_rows) {
    const catalog::Profile* profile = catalog.profile(wanted.profile);
    if (!profile) {
      return fail(ErrorCode::configuration,
                  fmt::format("principal {} narrows \"{}\", which is not a profile", principal.arn,
                              wanted.profile),
                  "Name a profile of the catalogue: ListInferenceProfiles shows them.");
    }
    const catalog::Row* row = profile->row(source);
    if (!row) continue;
    auto subset =
        row->narrow(std::vector<catalog::RegionId>(wanted.regions.begin(), wanted.regions.end()));
    if (!subset) {
      subset.error().message =
          fmt::format("principal {}: {}", principal.arn, subset.error().message);
      return fail(std::move(subset).error());
    }
    out.insert_or_assign(profile->id,
                         std::make_shared<const catalog::RowSubset>(*std::move(subset)));
  }
  return out;
}

}  // namespace

std::vector<const policy::PolicyDocument*> Snapshot::policies_of(
    const identity::PrincipalRecord& principal) const {
  std::vector<const policy::PolicyDocument*> out;
  for (const std::string& name : principal.policies) {
    if (const auto found = policies.find(name); found != policies.end())
      out.push_back(&found->second);
  }
  return out;
}

Result<std::shared_ptr<const Snapshot>> Snapshot::build(CatalogInForce in_force,
                                                        const Documents& documents,
                                                        const RegionConfig& config,
                                                        std::shared_ptr<peer::ReplayTable> replay) {
  auto out = std::make_shared<Snapshot>();
  out->version = documents.version;
  out->catalog = std::move(in_force.catalog);
  out->catalog_epoch = in_force.epoch;
  out->bundle_sha256 = std::move(in_force.sha256);
  out->admission = std::make_shared<peer::Admission>(out->catalog, config.region, std::move(replay),
                                                     config.global_profiles == GlobalProfiles::on);
  for (const PolicyText& text : documents.policies) {
    TRY(policy::PolicyDocument document, policy::PolicyDocument::parse(text.name, text.json));
    out->policies.insert_or_assign(text.name, std::move(document));
  }
  for (const auto& principal : documents.principals) {
    TRY(NarrowedRows narrowed, narrow_rows(principal, *out->catalog, config.region));
    if (!narrowed.empty()) out->narrowed_rows.insert_or_assign(principal.arn, std::move(narrowed));
    for (const std::string& name : principal.policies) {
      if (!out->policies.contains(name)) {
        return fail(ErrorCode::configuration,
                    fmt::format("principal {} carries the policy \"{}\", which does not exist",
                                principal.arn, name),
                    "Apply the policy in the same file, or correct the name.");
      }
    }
  }
  identity::KeyTable keys(documents.keys, documents.principals, documents.api_keys);
  const auto check_owner = [&](const auto& key) -> Result<void> {
    if (keys.principal(key.principal_arn)) return {};
    return fail(
        ErrorCode::configuration,
        fmt::format("key {} belongs to {}, which does not exist", key.key_id, key.principal_arn),
        "Apply the principal in the same file, or correct its ARN.");
  };
  for (const auto& key : documents.keys) TRY_VOID(check_owner(key));
  for (const auto& key : documents.api_keys) TRY_VOID(check_owner(key));
  out->keys = std::move(keys);
  for (const auto& model : config.models) {
    out->in_region_rows.emplace(model.model_id,
                                catalog::Catalog::in_region_row(model.model_id, config.region));
  }
  return std::shared_ptr<const Snapshot>(std::move(out));
}

}  // namespace tidegate::gateway
