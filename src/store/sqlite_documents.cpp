#include "store/sqlite_documents.hpp"

#include <fmt/format.h>

#include "store/sqlite.hpp"

namespace tidegate::store {
namespace {

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

Result<void> write_narrowed_rows(sqlite3* database,
                                 const std::vector<identity::PrincipalRecord>& principals) {
  TRY(Statement clear, Statement::prepare(database, "DELETE FROM narrowed_rows WHERE arn = ?"));
  TRY(Statement add,
      Statement::prepare(database, "INSERT OR IGNORE INTO narrowed_rows VALUES (?, ?, ?)"));
  for (const auto& principal : principals) {
    TRY_VOID(clear.bind(1, principal.arn).run());
    for (const auto& narrowed : principal.narrowed_rows) {
      for (const std::string& region : narrowed.regions) {
        TRY_VOID(add.bind(1, principal.arn).bind(2, narrowed.profile).bind(3, region).run());
      }
    }
  }
  return {};
}

Result<std::vector<identity::NarrowedRow>> read_narrowed_rows(Statement& rows,
                                                              const std::string& arn) {
  std::vector<identity::NarrowedRow> out;
  rows.bind(1, arn);
  for (;;) {
    TRY(const bool row, rows.step());
    if (!row) return out;
    const std::string profile = rows.text(0);
    if (out.empty() || out.back().profile != profile) out.push_back({profile, {}});
    out.back().regions.push_back(rows.text(1));
  }
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

Result<void> write_api_keys(sqlite3* database, const std::vector<identity::ApiKey>& keys) {
  TRY(Statement upsert,
      Statement::prepare(database,
                         "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_id) "
                         "DO UPDATE SET name = excluded.name, digest = excluded.digest, "
                         "principal_arn = excluded.principal_arn, "
                         "expires = excluded.expires, active = excluded.active"));
  for (const auto& key : keys) {
    const std::string digest = to_hex(key.digest);
    TRY_VOID(upsert.bind(1, key.key_id)
                 .bind(2, key.name)
                 .bind(3, digest)
                 .bind(4, key.principal_arn)
                 .bind(5, microseconds(key.created))
                 .bind(6, microseconds(key.expires))
                 .bind(7, std::int64_t{key.active})
                 .run());
  }
  return {};
}

Result<std::vector<identity::ApiKey>> read_api_keys(sqlite3* database) {
  std::vector<identity::ApiKey> out;
  TRY(Statement keys, Statement::prepare(database, "SELECT * FROM api_keys ORDER BY key_id"));
  for (;;) {
    TRY(const bool row, keys.step());
    if (!row) return out;
    const auto digest = sha256_from_hex(keys.text(2));
    if (!digest) {
      return fail(ErrorCode::store_unavailable,
                  fmt::format("API key {} of the document store has no digest.", keys.text(0)));
    }
    out.push_back({.key_id = keys.text(0),
                   .name = keys.text(1),
                   .digest = *digest,
                   .principal_arn = keys.text(3),
                   .created = time_of(keys.number(4)),
                   .expires = time_of(keys.number(5)),
                   .active = keys.number(6) != 0});
  }
}

// Foreign keys are checked at the commit; this says first, in words, which one would fail.
Result<void> check_references(sqlite3* database) {
  TRY(Statement keys,
      Statement::prepare(database,
                         "SELECT key_id, principal_arn FROM (SELECT key_id, principal_arn FROM "
                         "access_keys UNION ALL SELECT key_id, principal_arn FROM api_keys) WHERE "
                         "principal_arn NOT IN (SELECT arn FROM principals) LIMIT 1"));
  TRY(const bool stray_key, keys.step());
  if (stray_key) {
    return fail(
        ErrorCode::configuration,
        fmt::format("Key {} belongs to {}, which is not a principal.", keys.text(0), keys.text(1)),
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
  TRY(Statement narrowed,
      Statement::prepare(database,
                         "SELECT profile, region FROM narrowed_rows WHERE arn = ? ORDER BY "
                         "profile, region"));
  TRY(Statement principals, Statement::prepare(database, "SELECT * FROM principals ORDER BY arn"));
  for (;;) {
    TRY(const bool row, principals.step());
    if (!row) break;
    auto& principal = out.principals.emplace_back();
    principal.arn = principals.text(0);
    principal.account = principals.text(1);
    principal.user_id = principals.text(2);
    principal.global_grant = principals.number(3) != 0;
    TRY(principal.narrowed_rows, read_narrowed_rows(narrowed, principal.arn));
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
  TRY(out.api_keys, read_api_keys(database));
  return out;
}

}  // namespace

Result<std::unique_ptr<SqliteDocuments>> SqliteDocuments::open(const std::string& path) {
  TRY(Database database, open_database(path));
  return std::unique_ptr<SqliteDocuments>(new SqliteDocuments(std::move(database)));
}

Result<gateway::Documents> SqliteDocuments::load() {
  std::scoped_lock lock(mutex_);
  // A transaction, so that all tables are of one version. It only reads; leaving it rolls back.
  TRY(const Transaction transaction, Transaction::begin(database_.get()));
  return read_all(database_.get());
}

Result<gateway::Documents> SqliteDocuments::apply(const gateway::Documents& changes) {
  std::scoped_lock lock(mutex_);
  TRY(Transaction transaction, Transaction::begin(database_.get()));
  TRY_VOID(write_policies(database_.get(), changes.policies));
  TRY_VOID(write_principals(database_.get(), changes.principals));
  TRY_VOID(write_narrowed_rows(database_.get(), changes.principals));
  TRY_VOID(write_keys(database_.get(), changes.keys));
  TRY_VOID(write_api_keys(database_.get(), changes.api_keys));
  TRY_VOID(check_references(database_.get()));
  TRY_VOID(execute(database_.get(), "UPDATE version SET number = number + 1"));
  TRY(gateway::Documents all, read_all(database_.get()));
  TRY_VOID(transaction.commit());
  return all;
}

}  // namespace tidegate::store
