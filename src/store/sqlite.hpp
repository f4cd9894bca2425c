// A thin layer over SQLite's C interface: statements that finalize themselves, transactions that
// roll back unless committed, and errors as values.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tidegate::store {

std::unexpected<Error> sqlite_failed(sqlite3* database, std::string_view what);
Result<void> execute(sqlite3* database, const std::string& sql);

class Statement {
 public:
  static Result<Statement> prepare(sqlite3* database, std::string_view sql);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Parameters count from 1.
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, std::int64_t number);
  // True: a row is there; false: done, and ready to be bound again. Every bound text must live
  // until then.
  Result<bool> step();
  Result<void> run();  // steps to the end

  // Columns count from 0.
  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  Statement(sqlite3* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}
  sqlite3* database_;
  sqlite3_stmt* statement_;
  int bind_error_ = 0;
};

// Times, as columns hold them.
inline std::int64_t microseconds(WallTime time) {
  return time.time_since_epoch().count();
}
inline WallTime time_of(std::int64_t microseconds) {
  return WallTime(std::chrono::microseconds(microseconds));
}

// The first column of the first row; 0 without one.
Result<std::int64_t> query_number(sqlite3* database, std::string_view sql);

class Transaction {
 public:
  // Takes the write lock at once, so that it cannot fail half way for want of it.
  static Result<Transaction> begin(sqlite3* database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(sqlite3* database) : database_(database) {}
  sqlite3* database_;  // null: over
};

}  // namespace tidegate::store
