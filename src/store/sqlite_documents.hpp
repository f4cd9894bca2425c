// Documents in one SQLite file: keys, API keys, principals and policies, changed in one transaction
// each and numbered by a version. The file holds secrets in clear (SigV4 needs them): it is made
// 0600.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "gateway/documents.hpp"
#include "store/database.hpp"

namespace tidegate::store {

class SqliteDocuments final : public gateway::DocumentStore {
 public:
  // Errors: those of open_database().
  static Result<std::unique_ptr<SqliteDocuments>> open(const std::string& path);

  Result<gateway::Documents> load() override;
  // All or nothing. Errors: configuration (a key of a principal that does not exist, a principal
  // with a policy that does not exist), store_unavailable. Thread-safe.
  Result<gateway::Documents> apply(const gateway::Documents& changes) override;

 private:
  explicit SqliteDocuments(Database database) : database_(std::move(database)) {}

  std::mutex mutex_;
  Database database_;
};

}  // namespace tidegate::store
