// What is remembered outlives the process, and never goes back.
#include "store/sqlite_bundles.hpp"

#include <gtest/gtest.h>

#include "store/temporary_folder.hpp"

namespace tidegate::store {
namespace {

TEST(SqliteBundles, RemembersTheLastOneAcrossARestart) {
  const TemporaryFolder folder;
  const std::string path = folder / "documents.sqlite";
  {
    auto store = SqliteBundles::open(path).value();
    EXPECT_FALSE(store->last_good().value());
    EXPECT_TRUE(store->remember({.epoch = 1, .sha256 = "a", .text = "one"}));
    EXPECT_TRUE(store->remember({.epoch = 2, .sha256 = "b", .text = "two"}));
  }
  const auto stored = SqliteBundles::open(path).value()->last_good().value();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->epoch, 2u);
  EXPECT_EQ(stored->sha256, "b");
  EXPECT_EQ(stored->text, "two");
}

TEST(SqliteBundles, DoesNotGoBack) {
  const TemporaryFolder folder;
  auto store = SqliteBundles::open(folder / "documents.sqlite").value();
  ASSERT_TRUE(store->remember({.epoch = 5, .sha256 = "a", .text = "five"}));
  for (const std::uint64_t epoch : {5u, 4u, 1u}) {
    const auto again = store->remember({.epoch = epoch, .sha256 = "b", .text = "other"});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::store_unavailable);
  }
  EXPECT_EQ(store->last_good().value()->text, "five");
}

}  // namespace
}  // namespace tidegate::store
