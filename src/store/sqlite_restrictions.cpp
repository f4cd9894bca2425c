#include "store/sqlite_restrictions.hpp"

#include <fmt/format.h>

#include "store/sqlite.hpp"

namespace tidegate::store {

Result<std::unique_ptr<SqliteRestrictions>> SqliteRestrictions::open(const std::string& path) {
  TRY(Database database, open_database(path));
  return std::unique_ptr<SqliteRestrictions>(new SqliteRestrictions(std::move(database)));
}

Result<std::vector<gateway::Restriction>> SqliteRestrictions::load_restrictions() {
  std::scoped_lock lock(mutex_);
  TRY(Statement rows, Statement::prepare(database_.get(),
                                         "SELECT region, kind, reason, approver, since, expires "
                                         "FROM region_restrictions ORDER BY region, kind"));
  std::vector<gateway::Restriction> out;
  for (;;) {
    TRY(const bool row, rows.step());
    if (!row) return out;
    const auto kind = gateway::restriction_kind(rows.text(1));
    if (!kind) {
      return fail(ErrorCode::store_unavailable,
                  fmt::format("The document store has a restriction \"{}\".", rows.text(1)));
    }
    gateway::Restriction restriction{.region = catalog::RegionId(rows.text(0)),
                                     .kind = *kind,
                                     .reason = rows.text(2),
                                     .approver = rows.text(3),
                                     .since = time_of(rows.number(4)),
                                     .expires = {}};
    if (rows.number(5) != 0) restriction.expires = time_of(rows.number(5));
    out.push_back(std::move(restriction));
  }
}

Result<void> SqliteRestrictions::save_restriction(const gateway::Restriction& restriction) {
  std::scoped_lock lock(mutex_);
  TRY(Statement upsert,
      Statement::prepare(database_.get(),
                         "INSERT INTO region_restrictions VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT "
                         "(region, kind) DO UPDATE SET reason = excluded.reason, approver = "
                         "excluded.approver, since = excluded.since, expires = excluded.expires"));
  return upsert.bind(1, restriction.region.str())
      .bind(2, gateway::name_of(restriction.kind))
      .bind(3, restriction.reason)
      .bind(4, restriction.approver)
      .bind(5, microseconds(restriction.since))
      .bind(6, restriction.expires ? microseconds(*restriction.expires) : 0)
      .run();
}

Result<void> SqliteRestrictions::remove_restriction(const catalog::RegionId& region,
                                                    gateway::RestrictionKind kind) {
  std::scoped_lock lock(mutex_);
  TRY(Statement remove,
      Statement::prepare(database_.get(),
                         "DELETE FROM region_restrictions WHERE region = ? AND kind = ?"));
  return remove.bind(1, region.str()).bind(2, gateway::name_of(kind)).run();
}

}  // namespace tidegate::store
