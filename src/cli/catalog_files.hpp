// Bundles and signers' keys, as files and as gateways keep them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "catalog/bundle.hpp"
#include "gateway/region_config.hpp"

namespace tidegate::cli {

// Errors: configuration, naming the file.
Result<std::string> read_catalog_file(const std::filesystem::path& file);
Result<catalog::Bundle> read_bundle(const std::filesystem::path& file);
Result<std::vector<catalog::Signer>> read_signers(
    const std::vector<gateway::CatalogSigner>& signers);

// The catalogue that a gateway of this configuration will have in force, to look up what the
// configuration names: the stored bundle, else the configured one, else the built-in library. It is
// only read here; CatalogKeeper judges it. Errors: configuration, store_unavailable.
Result<std::shared_ptr<const catalog::Catalog>> catalog_of(const gateway::RegionConfig& config);
// The same without its store: for who only checks a file.
Result<std::shared_ptr<const catalog::Catalog>> catalog_named_by(
    const gateway::RegionConfig& config);

}  // namespace tidegate::cli
