#include "store/sqlite_profiles.hpp"

#include "store/sqlite.hpp"

namespace tidegate::store {
namespace {

Result<void> save_tags(sqlite3* database, const api::ApplicationProfile& profile) {
  TRY(Statement clear,
      Statement::prepare(database,
                         "DELETE FROM application_profile_tags WHERE account = ? AND id = ?"));
  TRY_VOID(clear.bind(1, profile.account).bind(2, profile.id).run());
  TRY(Statement add,
      Statement::prepare(database, "INSERT INTO application_profile_tags VALUES (?, ?, ?, ?)"));
  for (const api::Tag& tag : profile.tags) {
    TRY_VOID(
        add.bind(1, profile.account).bind(2, profile.id).bind(3, tag.key).bind(4, tag.value).run());
  }
  return {};
}

Result<std::vector<api::Tag>> load_tags(Statement& tags, const api::ApplicationProfile& profile) {
  std::vector<api::Tag> out;
  tags.bind(1, profile.account).bind(2, profile.id);
  for (;;) {
    TRY(const bool row, tags.step());
    if (!row) return out;
    out.push_back({tags.text(0), tags.text(1)});
  }
}

}  // namespace

Result<std::unique_ptr<SqliteProfiles>> SqliteProfiles::open(const std::string& path) {
  TRY(Database database, open_database(path));
  return std::unique_ptr<SqliteProfiles>(new SqliteProfiles(std::move(database)));
}

Result<std::vector<api::ApplicationProfile>> SqliteProfiles::load_profiles() {
  std::scoped_lock lock(mutex_);
  // It only reads; leaving it rolls back.
  TRY(const Transaction transaction, Transaction::begin(database_.get()));
  TRY(Statement tags, Statement::prepare(database_.get(),
                                         "SELECT key, value FROM application_profile_tags "
                                         "WHERE account = ? AND id = ? ORDER BY key"));
  TRY(Statement profiles,
      Statement::prepare(database_.get(),
                         "SELECT account, id, name, description, profile_id, model_id, created, "
                         "updated, client_token, request_hash FROM application_profiles"));
  std::vector<api::ApplicationProfile> out;
  for (;;) {
    TRY(const bool row, profiles.step());
    if (!row) return out;
    api::ApplicationProfile profile{.account = profiles.text(0),
                                    .id = profiles.text(1),
                                    .name = profiles.text(2),
                                    .description = profiles.text(3),
                                    .profile_id = profiles.text(4),
                                    .model_id = profiles.text(5),
                                    .tags = {},
                                    .created = time_of(profiles.number(6)),
                                    .updated = time_of(profiles.number(7)),
                                    .client_token = profiles.text(8),
                                    .request_hash = profiles.text(9)};
    TRY(profile.tags, load_tags(tags, profile));
    out.push_back(std::move(profile));
  }
}

Result<void> SqliteProfiles::save_profile(const api::ApplicationProfile& profile) {
  std::scoped_lock lock(mutex_);
  TRY(Transaction transaction, Transaction::begin(database_.get()));
  TRY(Statement upsert,
      Statement::prepare(database_.get(),
                         "INSERT INTO application_profiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                         "ON CONFLICT (account, id) DO UPDATE SET name = excluded.name, "
                         "description = excluded.description, profile_id = excluded.profile_id, "
                         "model_id = excluded.model_id, created = excluded.created, "
                         "updated = excluded.updated, client_token = excluded.client_token, "
                         "request_hash = excluded.request_hash"));
  TRY_VOID(upsert.bind(1, profile.account)
               .bind(2, profile.id)
               .bind(3, profile.name)
               .bind(4, profile.description)
               .bind(5, profile.profile_id)
               .bind(6, profile.model_id)
               .bind(7, microseconds(profile.created))
               .bind(8, microseconds(profile.updated))
               .bind(9, profile.client_token)
               .bind(10, profile.request_hash)
               .run());
  TRY_VOID(save_tags(database_.get(), profile));
  return transaction.commit();
}

Result<void> SqliteProfiles::remove_profile(std::string_view account, std::string_view id) {
  std::scoped_lock lock(mutex_);
  TRY(Statement remove,
      Statement::prepare(database_.get(),
                         "DELETE FROM application_profiles WHERE account = ? AND id = ?"));
  return remove.bind(1, account).bind(2, id).run();  // its tags go with it
}

}  // namespace tidegate::store
