// The part of a catalogue's document that says where: Regions, and geographies made of them.
// Errors: configuration, naming the member that is wrong.
#pragma once

#include "catalog/catalog.hpp"
#include "catalog/members.hpp"

namespace tidegate::catalog {

Result<std::uint32_t> read_version(Members& members);
Result<RegionInfo> read_region(const json::value& v, std::string where);
// Its Regions must be those of `catalog`, and each must state what the geography asks of it.
Result<Geography> read_geography(const Catalog& catalog, const json::value& v, std::string where);

}  // namespace tidegate::catalog
