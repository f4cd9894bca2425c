// Regions that operators have taken out of use, in the gateway's SQLite file.
#pragma once

#include <mutex>

#include "gateway/restrictions.hpp"
#include "store/database.hpp"

namespace tidegate::store {

class SqliteRestrictions final : public gateway::RestrictionStore {
 public:
  // Errors: those of open_database().
  static Result<std::unique_ptr<SqliteRestrictions>> open(const std::string& path);

  // Thread-safe. Errors: store_unavailable.
  Result<std::vector<gateway::Restriction>> load_restrictions() override;
  Result<void> save_restriction(const gateway::Restriction& restriction) override;
  Result<void> remove_restriction(const catalog::RegionId& region,
                                  gateway::RestrictionKind kind) override;

 private:
  explicit SqliteRestrictions(Database database) : database_(std::move(database)) {}

  std::mutex mutex_;
  Database database_;
};

}  // namespace tidegate::store
