#include "store/sqlite_documents.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "store/sqlite.hpp"
#include "store/temporary_folder.hpp"

namespace tidegate::store {
namespace {

using gateway::Documents;

Documents demo() {
  Documents d;
  d.policies = {{"invoke", R"({"Version":"2012-10-17"})"}, {"read", "{}"}};
  d.principals = {
      {.arn = "arn:aws:iam::111122223333:user/demo",
       .account = "111122223333",
       .user_id = "AIDADEMO",
       .policies = {"read", "invoke"},
       .global_grant = true,
       .narrowed_rows = {{"eu.a", {"eu-central-1", "eu-west-1"}}, {"eu.b", {"eu-west-1"}}}}};
  d.keys = {{.key_id = "AKIADEMO",
             .secret = "a secret",
             .principal_arn = "arn:aws:iam::111122223333:user/demo",
             .active = true}};
  d.api_keys = {{.key_id = "ACCADEMO",
                 .name = "ci",
                 .digest = sha256("a key"),
                 .principal_arn = "arn:aws:iam::111122223333:user/demo",
                 .created = time_of(1),
                 .expires = time_of(2),
                 .active = true}};
  return d;
}

std::unique_ptr<SqliteDocuments> open(const std::string& path) {
  auto store = SqliteDocuments::open(path);
  EXPECT_TRUE(store) << store.error().message;
  return store ? std::move(*store) : nullptr;
}

TEST(SqliteDocuments, KeepsWhatWasApplied) {
  TemporaryFolder folder;
  const std::string path = folder / "documents.sqlite";
  {
    const auto store = open(path);
    EXPECT_EQ(store->load()->version, 0u);
    const auto applied = store->apply(demo());
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(applied->version, 1u);
    for (const char* name : {"documents.sqlite", "documents.sqlite-wal", "documents.sqlite-shm"}) {
      struct stat status{};
      ASSERT_EQ(::stat((folder / name).c_str(), &status), 0) << name;
      EXPECT_EQ(status.st_mode & 0777, 0600u) << name;
    }
  }
  const auto documents = open(path)->load();
  ASSERT_TRUE(documents);
  EXPECT_EQ(documents->version, 1u);
  ASSERT_EQ(documents->policies.size(), 2u);
  EXPECT_EQ(documents->policies[0].json, R"({"Version":"2012-10-17"})");
  ASSERT_EQ(documents->principals.size(), 1u);
  EXPECT_EQ(documents->principals[0].policies, (std::vector<std::string>{"read", "invoke"}));
  EXPECT_TRUE(documents->principals[0].global_grant);
  ASSERT_EQ(documents->principals[0].narrowed_rows.size(), 2u);
  EXPECT_EQ(documents->principals[0].narrowed_rows[0].regions,
            (std::vector<std::string>{"eu-central-1", "eu-west-1"}));
  EXPECT_EQ(documents->principals[0].narrowed_rows[1].profile, "eu.b");
  ASSERT_EQ(documents->keys.size(), 1u);
  EXPECT_EQ(documents->keys[0].secret, "a secret");
  EXPECT_TRUE(documents->keys[0].active);
  ASSERT_EQ(documents->api_keys.size(), 1u);
  EXPECT_EQ(documents->api_keys[0].name, "ci");
  EXPECT_EQ(documents->api_keys[0].digest, sha256("a key"));
  EXPECT_EQ(documents->api_keys[0].expires, time_of(2));
}

TEST(SqliteDocuments, AnApiKeyIsRevokedAndKeepsItsBeginning) {
  TemporaryFolder folder;
  const auto store = open(folder / "d");
  ASSERT_TRUE(store->apply(demo()));
  Documents change;
  change.api_keys = demo().api_keys;
  change.api_keys[0].created = time_of(99);
  change.api_keys[0].active = false;
  const auto after = store->apply(change);
  ASSERT_TRUE(after) << after.error().message;
  ASSERT_EQ(after->api_keys.size(), 1u);
  EXPECT_FALSE(after->api_keys[0].active);
  EXPECT_EQ(after->api_keys[0].created, time_of(1));
  change.api_keys[0].principal_arn = "arn:aws:iam::111122223333:user/gone";
  const auto stray = store->apply(change);
  ASSERT_FALSE(stray);
  EXPECT_EQ(stray.error().code, ErrorCode::configuration);
}

TEST(SqliteDocuments, ReplacesByNameArnAndKeyId) {
  TemporaryFolder folder;
  const auto store = open(folder / "d");
  ASSERT_TRUE(store->apply(demo()));
  Documents change;
  change.policies = {{"read", R"({"new":1})"}};
  change.principals = {demo().principals[0]};
  change.principals[0].policies = {"read"};
  change.principals[0].global_grant = false;
  change.keys = {demo().keys[0]};
  change.keys[0].active = false;
  const auto after = store->apply(change);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->version, 2u);
  EXPECT_EQ(after->policies.size(), 2u);
  EXPECT_EQ(after->policies[1].json, R"({"new":1})");
  EXPECT_EQ(after->principals[0].policies, std::vector<std::string>{"read"});
  EXPECT_FALSE(after->principals[0].global_grant);
  EXPECT_FALSE(after->keys[0].active);
}

TEST(SqliteDocuments, AllOrNothing) {
  TemporaryFolder folder;
  const auto store = open(folder / "d");
  ASSERT_TRUE(store->apply(demo()));
  Documents stray_key;
  stray_key.policies = {{"another", "{}"}};
  stray_key.keys = {{.key_id = "AKIASTRAY", .secret = "s", .principal_arn = "arn:nobody"}};
  Documents stray_policy;
  stray_policy.principals = {demo().principals[0]};
  stray_policy.principals[0].policies = {"no-such-policy"};
  for (const Documents& bad : {stray_key, stray_policy}) {
    const auto refused = store->apply(bad);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::configuration) << refused.error().message;
    EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
    const auto same = store->load();
    EXPECT_EQ(same->version, 1u);
    EXPECT_EQ(same->policies.size(), 2u);
    EXPECT_EQ(same->principals[0].policies.size(), 2u);
  }
}

TEST(SqliteDocuments, BytesAreKeptAsTheyAre) {
  TemporaryFolder folder;
  const auto store = open(folder / "d");
  Documents d;
  d.policies = {{"'; DROP TABLE policies; --", std::string("a\0b", 3)}, {"", ""}};
  ASSERT_TRUE(store->apply(d));
  const auto documents = store->load();
  ASSERT_EQ(documents->policies.size(), 2u);
  EXPECT_EQ(documents->policies[0].name, "");
  EXPECT_EQ(documents->policies[1].json, std::string("a\0b", 3));
}

TEST(SqliteDocuments, RefusesWhatItDoesNotUnderstand) {
  TemporaryFolder folder;
  EXPECT_FALSE(SqliteDocuments::open(folder / "no-such-folder/d"));
  std::ofstream(folder / "garbage") << std::string(4'096, 'x');
  const auto garbage = SqliteDocuments::open(folder / "garbage");
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, ErrorCode::store_unavailable);

  open(folder / "newer");
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "newer").c_str(), &raw), SQLITE_OK);
  ASSERT_TRUE(execute(raw, "PRAGMA user_version = 99"));
  sqlite3_close(raw);
  const auto newer = SqliteDocuments::open(folder / "newer");
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().message.find("99"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::store
