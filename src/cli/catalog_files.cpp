#include "cli/catalog_files.hpp"

#include <fmt/format.h>

#include "catalog/limits.hpp"
#include "config/region.hpp"
#include "store/sqlite_bundles.hpp"

namespace tidegate::cli {
namespace {

template <class T>
Result<T> in_file(const std::filesystem::path& file, Result<T> result) {
  if (!result) {
    result.error().message = fmt::format("{}: {}", file.string(), result.error().message);
  }
  return result;
}

}  // namespace

Result<std::string> read_catalog_file(const std::filesystem::path& file) {
  return config::read_file(file, limits::catalog_bytes_max);
}

Result<catalog::Bundle> read_bundle(const std::filesystem::path& file) {
  TRY(const std::string text, read_catalog_file(file));
  return in_file(file, catalog::Bundle::parse(text));
}

Result<std::vector<catalog::Signer>> read_signers(
    const std::vector<gateway::CatalogSigner>& signers) {
  std::vector<catalog::Signer> out;
  for (const auto& signer : signers) {
    TRY(const std::string pem, config::read_file(signer.key, limits::configuration_bytes_max));
    TRY(Ed25519PublicKey key, in_file(signer.key, Ed25519PublicKey::from_pem(pem)));
    for (const auto& other : out) {
      if (other.key != key) continue;
      return fail(
          ErrorCode::configuration,
          fmt::format("{}: {} and {} have the same key", signer.key, other.name, signer.name),
          "two signatures must be by two keys: give each signer their own");
    }
    out.push_back({.name = signer.name, .key = std::move(key)});
  }
  return out;
}

Result<std::shared_ptr<const catalog::Catalog>> catalog_named_by(
    const gateway::RegionConfig& config) {
  if (config.catalog_bundle.empty()) return catalog::Catalog::built_in();
  TRY(const auto bundle, read_bundle(config.catalog_bundle));
  return bundle.catalog();
}

Result<std::shared_ptr<const catalog::Catalog>> catalog_of(const gateway::RegionConfig& config) {
  const std::filesystem::path store = std::filesystem::path(config.state_dir) / "documents.sqlite";
  std::error_code ignored;
  if (!std::filesystem::exists(store, ignored)) return catalog_named_by(config);
  TRY(const auto bundles, store::SqliteBundles::open(store.string()));
  TRY(const auto stored, bundles->last_good());
  if (!stored) return catalog_named_by(config);
  TRY(const auto bundle, in_file(store, catalog::Bundle::parse(stored->text)));
  return bundle.catalog();
}

}  // namespace tidegate::cli
