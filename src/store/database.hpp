// The SQLite file that a gateway keeps what changes in: how it is opened, and its schema with every
// step from older ones.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"

struct sqlite3;

namespace tidegate::store {

struct CloseDatabase {
  void operator()(sqlite3* database) const;
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

// Makes the file, or brings an older schema up to date. Each adapter has a connection of its own;
// SQLite puts their writes in order. Errors: store_unavailable; a file that a newer version of
// tidegate wrote is not touched.
Result<Database> open_database(const std::string& path);

}  // namespace tidegate::store
