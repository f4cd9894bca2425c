// Where back-ends are. backends[].url: plain HTTP to a literal address, or HTTPS to a name or an
// address. Without TLS no name can be trusted, so none is taken. backend_networks: where they must
// be.
#pragma once

#include "config/reader.hpp"
#include "gateway/region_config.hpp"
#include "model/backend.hpp"

namespace tidegate::config {

// Fills host, port, tls and base_path, or tells the reader what is wrong with the key "url".
void read_backend_url(Reader& reader, const YAML::Node& node, model::BackendConfig& out);

// Fills backend_networks, or tells the reader what is wrong with it.
void read_backend_networks(Reader& reader, const YAML::Node& node, gateway::RegionConfig& out);

}  // namespace tidegate::config
