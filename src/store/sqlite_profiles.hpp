// Application inference profiles and their tags, in the gateway's SQLite file.
#pragma once

#include <mutex>

#include "gateway/application_profiles.hpp"
#include "store/database.hpp"

namespace tidegate::store {

class SqliteProfiles final : public gateway::ApplicationProfileStore {
 public:
  // Errors: those of open_database().
  static Result<std::unique_ptr<SqliteProfiles>> open(const std::string& path);

  // Thread-safe, and all or nothing. Errors: store_unavailable.
  Result<std::vector<api::ApplicationProfile>> load_profiles() override;
  Result<void> save_profile(const api::ApplicationProfile& profile) override;
  Result<void> remove_profile(std::string_view account, std::string_view id) override;

 private:
  explicit SqliteProfiles(Database database) : database_(std::move(database)) {}

  std::mutex mutex_;
  Database database_;
};

}  // namespace tidegate::store
