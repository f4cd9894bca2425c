// The section "catalog" of tidegate.yaml.
#include "config/region_tables.hpp"

namespace tidegate::config {
namespace {

using gateway::RegionConfig;
constexpr auto required = Presence::required;
constexpr auto optional = Presence::optional;

const Key<gateway::CatalogSigner> signer_keys[] = {
    {"name", "text", required, "", "What the record calls them.",
     [](Reader& r, const YAML::Node& n, gateway::CatalogSigner& s) {
       if (auto name = r.text(n, "name")) s.name = std::move(*name);
     }},
    {"key", "path", required, "", "PEM file: their Ed25519 public key (tidegate catalog keygen).",
     [](Reader& r, const YAML::Node& n, gateway::CatalogSigner& s) {
       if (auto path = r.path(n, "key")) s.key = std::move(*path);
     }},
};

const Key<RegionConfig> catalog_keys[] = {
    {"signers", "list of sections", optional, "none: no bundle is taken",
     "Who may sign bundles. What changes the fence needs two of them, all else one.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_list(r, n, "signers", Table<gateway::CatalogSigner>(signer_keys), {},
                 c.catalog_signers);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe_keys(Table<gateway::CatalogSigner>(signer_keys), p + "[].", out);
     }},
    {"bundle", "path", optional, "none: the built-in library",
     "The first bundle, taken while state_dir has none. Later ones come by tidegate catalog apply.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       if (auto path = r.path(n, "catalog.bundle")) c.catalog_bundle = std::move(*path);
     }},
};

}  // namespace

Table<RegionConfig> catalog_table() {
  return catalog_keys;
}

}  // namespace tidegate::config
