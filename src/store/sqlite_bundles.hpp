// The last good bundle of the catalogue, in the gateway's SQLite file.
#pragma once

#include <mutex>

#include "gateway/bundle_store.hpp"
#include "store/database.hpp"

namespace tidegate::store {

class SqliteBundles final : public gateway::BundleStore {
 public:
  // Errors: those of open_database().
  static Result<std::unique_ptr<SqliteBundles>> open(const std::string& path);

  // Thread-safe, and all or nothing.
  Result<std::optional<gateway::StoredBundle>> last_good() override;
  Result<void> remember(const gateway::StoredBundle& bundle) override;

 private:
  explicit SqliteBundles(Database database) : database_(std::move(database)) {}

  std::mutex mutex_;
  Database database_;
};

}  // namespace tidegate::store
