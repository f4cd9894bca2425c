#include "store/sqlite.hpp"

#include <fmt/format.h>

#include <utility>

namespace tidegate::store {

std::unexpected<Error> sqlite_failed(sqlite3* database, std::string_view what) {
  return fail(Error{.code = ErrorCode::store_unavailable,
                    .origin = Origin::store,
                    .retry = Retry::never,
                    .message = fmt::format("The document store failed to {}: {}.", what,
                                           database ? sqlite3_errmsg(database) : "out of memory"),
                    .mend = {},
                    .why = {}});
}

Result<void> execute(sqlite3* database, const std::string& sql) {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return sqlite_failed(database, "run a statement");
  }
  return {};
}

Result<std::int64_t> query_number(sqlite3* database, std::string_view sql) {
  TRY(Statement statement, Statement::prepare(database, sql));
  TRY(const bool row, statement.step());
  return row ? statement.number(0) : 0;
}

Result<Statement> Statement::prepare(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK) {
    return sqlite_failed(database, "prepare a statement");
  }
  return Statement(database, statement);
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(int index, std::string_view text) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* const data = text.data() ? text.data() : "";
  bind_error_ |=
      sqlite3_bind_text(statement_, index, data, static_cast<int>(text.size()), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind(int index, std::int64_t number) {
  bind_error_ |= sqlite3_bind_int64(statement_, index, number);
  return *this;
}

Result<bool> Statement::step() {
  if (bind_error_ != SQLITE_OK) return sqlite_failed(database_, "bind a value");
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  sqlite3_reset(statement_);  // repeats the error, and keeps its message
  if (result == SQLITE_DONE) return false;
  return sqlite_failed(database_, "read or write");
}

Result<void> Statement::run() {
  for (;;) {
    TRY(const bool row, step());
    if (!row) return {};
  }
}

std::string Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_, column);
  return bytes ? std::string(reinterpret_cast<const char*>(bytes),
                             static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
               : std::string();
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

Result<Transaction> Transaction::begin(sqlite3* database) {
  TRY_VOID(execute(database, "BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> Transaction::commit() {
  TRY_VOID(execute(database_, "COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace tidegate::store
