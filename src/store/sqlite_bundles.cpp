#include "store/sqlite_bundles.hpp"

#include <fmt/format.h>

#include "store/sqlite.hpp"

namespace tidegate::store {

Result<std::unique_ptr<SqliteBundles>> SqliteBundles::open(const std::string& path) {
  TRY(Database database, open_database(path));
  return std::unique_ptr<SqliteBundles>(new SqliteBundles(std::move(database)));
}

Result<std::optional<gateway::StoredBundle>> SqliteBundles::last_good() {
  std::scoped_lock lock(mutex_);
  TRY(Statement select,
      Statement::prepare(database_.get(), "SELECT epoch, sha256, text FROM catalog_bundle"));
  TRY(const bool row, select.step());
  if (!row) return std::nullopt;
  gateway::StoredBundle out{.epoch = static_cast<std::uint64_t>(select.number(0)),
                            .sha256 = select.text(1),
                            .text = select.text(2)};
  TRY_VOID(select.run());
  return out;
}

// One row, and its trigger refuses an epoch that is not higher, whoever writes.
Result<void> SqliteBundles::remember(const gateway::StoredBundle& bundle) {
  std::scoped_lock lock(mutex_);
  TRY(Statement upsert,
      Statement::prepare(database_.get(),
                         "INSERT INTO catalog_bundle VALUES (1, ?, ?, ?) ON CONFLICT (one) DO "
                         "UPDATE SET epoch = excluded.epoch, sha256 = excluded.sha256, "
                         "text = excluded.text"));
  return upsert.bind(1, static_cast<std::int64_t>(bundle.epoch))
      .bind(2, bundle.sha256)
      .bind(3, bundle.text)
      .run();
}

}  // namespace tidegate::store
