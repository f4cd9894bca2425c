// tidegate.yaml: what one Region's gateway is told at its start. Static: a changed file needs a
// restart.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "catalog/catalog.hpp"
#include "config/reader.hpp"
#include "gateway/region_config.hpp"

namespace tidegate::config {

// A value, or everything that is wrong with the text, in the order of the tables.
template <class T>
using Checked = std::expected<T, std::vector<Error>>;

// `file` names the text in messages, `directory` is where its relative paths begin. Without a
// catalogue nothing is looked up in one: for a first look that finds out where it is.
Checked<gateway::RegionConfig> parse_region_config(const std::string& text, const std::string& file,
                                                   const std::filesystem::path& directory,
                                                   const catalog::Catalog* catalog);
Checked<gateway::RegionConfig> check_region_config(const std::filesystem::path& file,
                                                   const catalog::Catalog* catalog);

// The same with the first problem as the error. Errors: configuration.
Result<gateway::RegionConfig> load_region_config(const std::filesystem::path& file,
                                                 const catalog::Catalog* catalog);

// Every key of the file, for docs/reference/configuration.md.
std::vector<KeyText> region_reference();

// The whole file, bounded. Errors: configuration.
Result<std::string> read_file(const std::filesystem::path& file, std::size_t bytes_max);

// "127.0.0.1:7101", "[::1]:7101"; nullopt where the host is not a literal address or the port is
// not 0..65535.
std::optional<gateway::Address> parse_address(std::string_view text);

// "10.0.0.1", "::1". nullopt where it is no literal address.
std::optional<gateway::IpBytes> parse_ip(std::string_view text);

// "10.0.0.0/8", "2001:db8::/32"; nullopt where it is none, or has bits beyond its prefix.
std::optional<gateway::Network> parse_network(std::string_view text);

// Whether a Region's back-end may be at that address. Without networks it may be anywhere.
bool in_networks(const std::vector<gateway::Network>& networks, const gateway::IpBytes& address);

}  // namespace tidegate::config
