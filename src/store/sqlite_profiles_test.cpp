#include "store/sqlite_profiles.hpp"

#include <gtest/gtest.h>

#include "store/sqlite.hpp"
#include "store/sqlite_documents.hpp"
#include "store/temporary_folder.hpp"

namespace tidegate::store {
namespace {

api::ApplicationProfile team_a() {
  return {.account = "111122223333",
          .id = "team-a.amazon.nova-2-lite",
          .name = "Team A",
          .description = "",
          .profile_id = "eu.amazon.nova-2-lite-v1:0",
          .model_id = "amazon.nova-2-lite-v1:0",
          .tags = {{"a", ""}, {"team", "'; DROP TABLE application_profiles; --"}},
          .created = WallTime(std::chrono::microseconds(1'795'315'506'123'456)),
          .updated = WallTime(std::chrono::microseconds(1'795'315'506'123'457)),
          .client_token = "token",
          .request_hash = "hash"};
}

std::unique_ptr<SqliteProfiles> open(const std::string& path) {
  auto store = SqliteProfiles::open(path);
  EXPECT_TRUE(store) << store.error().message;
  return store ? std::move(*store) : nullptr;
}

TEST(SqliteProfiles, KeepsEveryMemberOverARestart) {
  TemporaryFolder folder;
  auto other = team_a();
  other.account = "444455556666";  // the same id in another account
  other.tags.clear();
  ASSERT_TRUE(open(folder / "d")->save_profile(team_a()));
  ASSERT_TRUE(open(folder / "d")->save_profile(other));
  const auto loaded = open(folder / "d")->load_profiles();
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_EQ(loaded->size(), 2u);
  const auto& profile = (*loaded)[0];
  const auto wanted = team_a();
  EXPECT_EQ(profile.account, wanted.account);
  EXPECT_EQ(profile.id, wanted.id);
  EXPECT_EQ(profile.name, wanted.name);
  EXPECT_EQ(profile.description, wanted.description);
  EXPECT_EQ(profile.profile_id, wanted.profile_id);
  EXPECT_EQ(profile.model_id, wanted.model_id);
  EXPECT_EQ(profile.tags, wanted.tags);
  EXPECT_EQ(profile.created, wanted.created);
  EXPECT_EQ(profile.updated, wanted.updated);
  EXPECT_EQ(profile.client_token, wanted.client_token);
  EXPECT_EQ(profile.request_hash, wanted.request_hash);
  EXPECT_EQ((*loaded)[1].account, other.account);
  EXPECT_TRUE((*loaded)[1].tags.empty());
}

TEST(SqliteProfiles, ReplacesWithItsTagsAndRemovesWithThem) {
  TemporaryFolder folder;
  const auto store = open(folder / "d");
  auto profile = team_a();
  ASSERT_TRUE(store->save_profile(profile));
  profile.tags = {{"b", "2"}};
  ASSERT_TRUE(store->save_profile(profile));
  EXPECT_EQ(store->load_profiles()->at(0).tags, profile.tags);
  ASSERT_TRUE(store->remove_profile(profile.account, profile.id));
  EXPECT_TRUE(store->load_profiles()->empty());
  ASSERT_TRUE(store->remove_profile(profile.account, profile.id)) << "gone is gone";
  profile.tags.clear();
  ASSERT_TRUE(store->save_profile(profile));
  EXPECT_TRUE(store->load_profiles()->at(0).tags.empty()) << "old tags do not come back";
}

TEST(SqliteProfiles, SharesTheFileWithDocumentsAndTakesOverAnOlderOne) {
  TemporaryFolder folder;
  const auto documents = SqliteDocuments::open(folder / "d");
  ASSERT_TRUE(documents);
  const auto store = open(folder / "d");
  ASSERT_TRUE(store->save_profile(team_a()));
  gateway::Documents change;
  change.policies = {{"p", "{}"}};
  ASSERT_TRUE((*documents)->apply(change));
  ASSERT_TRUE(store->save_profile(team_a()));

  // A file of the first schema: without the tables that came later.
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "d").c_str(), &raw), SQLITE_OK);
  ASSERT_TRUE(execute(raw,
                      "DROP TABLE application_profile_tags; DROP TABLE application_profiles; "
                      "DROP TABLE api_keys; DROP TABLE region_restrictions; "
                      "DROP TABLE narrowed_rows; DROP TABLE catalog_bundle; "
                      "PRAGMA user_version = 1"));
  sqlite3_close(raw);
  const auto migrated = open(folder / "d");
  ASSERT_TRUE(migrated->load_profiles()->empty());
  ASSERT_TRUE(migrated->save_profile(team_a()));
  EXPECT_EQ((*SqliteDocuments::open(folder / "d"))->load()->policies.size(), 1u);
}

}  // namespace
}  // namespace tidegate::store
