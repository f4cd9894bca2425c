#include "store/sqlite_documents.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
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
};
constexpr std::int64_t schema_version = std::size(migrations);

Result<std::int64_t> query_number(sqlite3* database, std::string_view sql) {
  TRY(Statement statement, Statement::prepare(database, sql));
  TRY(const bool row, statement.step());
  return row ? statement.number(0) : 0;
}

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

Result<void> write_policies(sqlite3* database, const std::vector<gateway::PolicyText>& policies) {
  TRY(Statement upsert, Statement::prepare(database,
                                           "INSERT INTO policies VALUES (?, ?) ON CONFLICT (name) "
                                           "DO UPDATE SET json = excluded.json"));
  for (const auto& policy : policies) {
    TRY_VOID(upsert.bind(1, policy.name).bind(2, policy.json).run());
  }
  return {};
}

Result<void> write_principals(sqlite3* database,
                              const std::vector<identity::PrincipalRecord>& principals) {
  TRY(Statement upsert,
      Statement::prepare(database,
                         "INSERT INTO principals VALUES (?, ?, ?, ?) ON CONFLICT (arn) DO UPDATE "
                         "SET account = excluded.account, user_id = excluded.user_id, "
                         "global_grant = excluded.global_grant"));
  TRY(Statement clear,
      Statement::prepare(database, "DELETE FROM principal_policies WHERE arn = ?"));
  TRY(Statement attach,
      Statement::prepare(database, "INSERT INTO principal_policies VALUES (?, ?, ?)"));
  for (const auto& principal : principals) {
    TRY_VOID(upsert.bind(1, principal.arn)
                 .bind(2, principal.account)
                 .bind(3, principal.user_id)
                 .bind(4, std::int64_t{principal.global_grant})
                 .run());
    TRY_VOID(clear.bind(1, principal.arn).run());
    std::int64_t position = 0;
    for (const std::string& policy : principal.policies) {
      TRY_VOID(attach.bind(1, principal.arn).bind(2, position++).bind(3, policy).run());
    }
  }
  return {};
}

Result<void> write_keys(sqlite3* database, const std::vector<identity::AccessKey>& keys) {
  TRY(Statement upsert,
      Statement::prepare(database,
                         "INSERT INTO access_keys VALUES (?, ?, ?, ?) ON CONFLICT (key_id) DO "
                         "UPDATE SET secret = excluded.secret, principal_arn = "
                         "excluded.principal_arn, active = excluded.active"));
  for (const auto& key : keys) {
    TRY_VOID(upsert.bind(1, key.key_id)
                 .bind(2, key.secret)
                 .bind(3, key.principal_arn)
                 .bind(4, std::int64_t{key.active})
                 .run());
  }
  return {};
}

// Foreign keys are checked at the commit; this says first, in words, which one would fail.
Result<void> check_references(sqlite3* database) {
  TRY(Statement keys,
      Statement::prepare(database,
                         "SELECT key_id, principal_arn FROM access_keys WHERE principal_arn NOT IN "
                         "(SELECT arn FROM principals) LIMIT 1"));
  TRY(const bool stray_key, keys.step());
  if (stray_key) {
    return fail(ErrorCode::configuration,
                fmt::format("Access key {} belongs to {}, which is not a principal.", keys.text(0),
                            keys.text(1)),
                "Add the principal in the same document, or correct the key's principal.");
  }
  TRY(Statement policies,
      Statement::prepare(database,
                         "SELECT arn, policy FROM principal_policies WHERE policy NOT IN "
                         "(SELECT name FROM policies) LIMIT 1"));
  TRY(const bool stray_policy, policies.step());
  if (stray_policy) {
    return fail(ErrorCode::configuration,
                fmt::format("Principal {} has the policy \"{}\", which does not exist.",
                            policies.text(0), policies.text(1)),
                "Add the policy in the same document, or correct its name.");
  }
  return {};
}

Result<gateway::Documents> read_all(sqlite3* database) {
  gateway::Documents out;
  TRY(const std::int64_t version, query_number(database, "SELECT number FROM version"));
  out.version = static_cast<std::uint64_t>(version);

  TRY(Statement policies, Statement::prepare(database, "SELECT * FROM policies ORDER BY name"));
  for (;;) {
    TRY(const bool row, policies.step());
    if (!row) break;
    out.policies.push_back({.name = policies.text(0), .json = policies.text(1)});
  }
  TRY(Statement attached,
      Statement::prepare(database,
                         "SELECT policy FROM principal_policies WHERE arn = ? ORDER BY position"));
  TRY(Statement principals, Statement::prepare(database, "SELECT * FROM principals ORDER BY arn"));
  for (;;) {
    TRY(const bool row, principals.step());
    if (!row) break;
    auto& principal = out.principals.emplace_back();
    principal.arn = principals.text(0);
    principal.account = principals.text(1);
    principal.user_id = principals.text(2);
    principal.global_grant = principals.number(3) != 0;
    attached.bind(1, principal.arn);
    for (;;) {
      TRY(const bool policy, attached.step());
      if (!policy) break;
      principal.policies.push_back(attached.text(0));
    }
  }
  TRY(Statement keys, Statement::prepare(database, "SELECT * FROM access_keys ORDER BY key_id"));
  for (;;) {
    TRY(const bool row, keys.step());
    if (!row) break;
    out.keys.push_back({.key_id = keys.text(0),
                        .secret = keys.text(1),
                        .principal_arn = keys.text(2),
                        .active = keys.number(3) != 0});
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<SqliteDocuments>> SqliteDocuments::open(const std::string& path) {
  // Made by us and not by SQLite, whose mode would be the umask's; its -wal and -shm files take the
  // mode of this one.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    return fail(ErrorCode::store_unavailable,
                fmt::format("The document store {} cannot be opened: {}.", path,
                            std::generic_category().message(errno)));
  }
  ::close(file);
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::unique_ptr<SqliteDocuments> store(new SqliteDocuments(database));
  if (opened != SQLITE_OK) return sqlite_failed(database, "open " + path);
  TRY_VOID(store->prepare());
  return store;
}

Result<void> SqliteDocuments::prepare() {
  constexpr int busy_ms_max = 5'000;
  sqlite3_extended_result_codes(database_, 1);
  sqlite3_busy_timeout(database_, busy_ms_max);
  TRY_VOID(execute(database_,
                   "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                   "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF"));
  return migrate(database_);
}

SqliteDocuments::~SqliteDocuments() {
  sqlite3_close(database_);
}

Result<gateway::Documents> SqliteDocuments::load() {
  std::scoped_lock lock(mutex_);
  // A transaction, so that all tables are of one version. It only reads; leaving it rolls back.
  TRY(const Transaction transaction, Transaction::begin(database_));
  return read_all(database_);
}

Result<gateway::Documents> SqliteDocuments::apply(const gateway::Documents& changes) {
  std::scoped_lock lock(mutex_);
  TRY(Transaction transaction, Transaction::begin(database_));
  TRY_VOID(write_policies(database_, changes.policies));
  TRY_VOID(write_principals(database_, changes.principals));
  TRY_VOID(write_keys(database_, changes.keys));
  TRY_VOID(check_references(database_));
  TRY_VOID(execute(database_, "UPDATE version SET number = number + 1"));
  TRY(gateway::Documents all, read_all(database_));
  TRY_VOID(transaction.commit());
  return all;
}

}  // namespace tidegate::store
