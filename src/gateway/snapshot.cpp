#include "gateway/snapshot.hpp"

#include <fmt/format.h>

namespace tidegate::gateway {

std::vector<const policy::PolicyDocument*> Snapshot::policies_of(
    const identity::PrincipalRecord& principal) const {
  std::vector<const policy::PolicyDocument*> out;
  for (const std::string& name : principal.policies) {
    if (const auto found = policies.find(name); found != policies.end())
      out.push_back(&found->second);
  }
  return out;
}

Result<std::shared_ptr<const Snapshot>> Snapshot::build(
    std::shared_ptr<const catalog::Catalog> catalog, const Documents& documents,
    const RegionConfig& config) {
  auto out = std::make_shared<Snapshot>();
  out->version = documents.version;
  out->catalog = std::move(catalog);
  for (const PolicyText& text : documents.policies) {
    TRY(policy::PolicyDocument document, policy::PolicyDocument::parse(text.name, text.json));
    out->policies.insert_or_assign(text.name, std::move(document));
  }
  for (const auto& principal : documents.principals) {
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
