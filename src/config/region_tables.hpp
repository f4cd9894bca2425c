// The table of tidegate.yaml's keys. Inside config/ only.
#pragma once

#include "config/reader.hpp"
#include "gateway/region_config.hpp"

namespace tidegate::config {

Table<gateway::RegionConfig> region_table();
Table<gateway::RegionConfig> catalog_table();  // of its section "catalog"

}  // namespace tidegate::config
