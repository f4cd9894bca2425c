#include "store/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "store/sqlite.hpp"

namespace tidegate::store {
namespace {

// user_version counts the steps that a file has seen. Steps are only ever added.
constexpr const char* migrations[] = {
    R"(
    CREATE TABLE version (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL) STRICT;
    INSERT INTO version VALUES (1, 0);
    CREATE TABLE policies (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE principals (
      arn TEXT PRIMARY KEY, account TEXT NOT NULL, user_id TEXT NOT NULL,
      global_grant INTEGER NOT NULL CHECK (global_grant IN (0, 1))) STRICT, WITHOUT ROWID;
    CREATE TABLE principal_policies (
      arn TEXT NOT NULL REFERENCES principals (arn), position INTEGER NOT NULL,
      policy TEXT NOT NULL REFERENCES policies (name) DEFERRABLE INITIALLY DEFERRED,
      PRIMARY KEY (arn, position)) STRICT, WITHOUT ROWID;
    CREATE TABLE access_keys (
      key_id TEXT PRIMARY KEY, secret TEXT NOT NULL,
      principal_arn TEXT NOT NULL REFERENCES principals (arn) DEFERRABLE INITIALLY DEFERRED,
      active INTEGER NOT NULL CHECK (active IN (0, 1))) STRICT, WITHOUT ROWID;
    )",
    // Times are microseconds since 1970.
    R"(
    CREATE TABLE application_profiles (
      account TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
      profile_id TEXT NOT NULL, model_id TEXT NOT NULL,
      created INTEGER NOT NULL, updated INTEGER NOT NULL,
      client_token TEXT NOT NULL, request_hash TEXT NOT NULL,
      PRIMARY KEY (account, id)) STRICT, WITHOUT ROWID;
    CREATE TABLE application_profile_tags (
      account TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY (account, id, key),
      FOREIGN KEY (account, id) REFERENCES application_profiles (account, id) ON DELETE CASCADE)
      STRICT, WITHOUT ROWID;
    )",
    R"(
    CREATE TABLE api_keys (
      key_id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE,
      principal_arn TEXT NOT NULL REFERENCES principals (arn) DEFERRABLE INITIALLY DEFERRED,
      created INTEGER NOT NULL, expires INTEGER NOT NULL,
      active INTEGER NOT NULL CHECK (active IN (0, 1))) STRICT, WITHOUT ROWID;
    )",
    R"(
    CREATE TABLE region_restrictions (
      region TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('cordon', 'drain', 'exclude')),
      reason TEXT NOT NULL, approver TEXT NOT NULL, since INTEGER NOT NULL,
      expires INTEGER NOT NULL,  -- 0: it stays until it is lifted
      PRIMARY KEY (region, kind)) STRICT, WITHOUT ROWID;
    )",
    R"(
    CREATE TABLE narrowed_rows (
      arn TEXT NOT NULL REFERENCES principals (arn), profile TEXT NOT NULL, region TEXT NOT NULL,
      PRIMARY KEY (arn, profile, region)) STRICT, WITHOUT ROWID;
    )",
    R"(
    CREATE TABLE catalog_bundle (
      one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL CHECK (epoch > 0),
      sha256 TEXT NOT NULL, text TEXT NOT NULL) STRICT;
    CREATE TRIGGER catalog_bundle_goes_forward BEFORE UPDATE ON catalog_bundle
      WHEN NEW.epoch <= OLD.epoch
      BEGIN SELECT RAISE(ABORT, 'the epoch of the catalogue only grows'); END;
    CREATE TRIGGER catalog_bundle_stays BEFORE DELETE ON catalog_bundle
      BEGIN SELECT RAISE(ABORT, 'the last good catalogue is never forgotten'); END;
    )",
};
constexpr std::int64_t schema_version = std::size(migrations);

Result<void> migrate(sqlite3* database) {
  TRY(Transaction transaction, Transaction::begin(database));
  TRY(const std::int64_t version, query_number(database, "PRAGMA user_version"));
  if (version > schema_version) {
    return fail(ErrorCode::store_unavailable,
                fmt::format("The document store has schema {}, this program knows up to {}.",
                            version, schema_version),
                "Run the newer version of tidegate that wrote it.");
  }
  for (std::int64_t step = version; step < schema_version; ++step) {
    TRY_VOID(execute(database, migrations[step]));
  }
  TRY_VOID(execute(database, fmt::format("PRAGMA user_version = {}", schema_version)));
  return transaction.commit();
}

}  // namespace

void CloseDatabase::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

Result<Database> open_database(const std::string& path) {
  // Made by us and not by SQLite, whose mode would be the umask's; its -wal and -shm files take the
  // mode of this one. Never opened where it exists: to close any descriptor of a file ends all
  // locks that this process has on it (POSIX), those of the connections that are open included, and
  // who reads the store next from outside would take himself for the last one and remove its -wal
  // file.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file >= 0) ::close(file);
  int error = file < 0 && errno != EEXIST ? errno : 0;
  if (std::error_code unknown; file < 0 && std::filesystem::is_symlink(path, unknown))
    error = ELOOP;
  if (error != 0) {
    return fail(ErrorCode::store_unavailable,
                fmt::format("The document store {} cannot be opened: {}.", path,
                            std::generic_category().message(error)));
  }
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  Database database(raw);
  if (opened != SQLITE_OK) return sqlite_failed(raw, "open " + path);
  constexpr int busy_ms_max = 5'000;
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, busy_ms_max);
  TRY_VOID(execute(raw,
                   "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                   "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF"));
  TRY_VOID(migrate(raw));
  return database;
}

}  // namespace tidegate::store
