// Documents in one SQLite file: keys, principals and policies, changed in one transaction each and
// numbered by a version. The file holds secrets in clear (SigV4 needs them): it is made 0600.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "gateway/documents.hpp"

struct sqlite3;

namespace tidegate::store {

class SqliteDocuments final : public gateway::DocumentStore {
 public:
  // Makes the file, or brings an older schema up to date. Errors: store_unavailable; one that a
  // newer version of tidegate wrote is not touched.
  static Result<std::unique_ptr<SqliteDocuments>> open(const std::string& path);
  ~SqliteDocuments() override;
  SqliteDocuments(const SqliteDocuments&) = delete;
  SqliteDocuments& operator=(const SqliteDocuments&) = delete;

  Result<gateway::Documents> load() override;
  // All or nothing. Errors: configuration (a key of a principal that does not exist, a principal
  // with a policy that does not exist), store_unavailable. Thread-safe.
  Result<gateway::Documents> apply(const gateway::Documents& changes) override;

 private:
  explicit SqliteDocuments(sqlite3* database) : database_(database) {}
  Result<void> prepare();

  std::mutex mutex_;
  sqlite3* database_;
};

}  // namespace tidegate::store
