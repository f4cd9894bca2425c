#include "store/sqlite_restrictions.hpp"

#include <gtest/gtest.h>

#include "store/temporary_folder.hpp"

namespace tidegate::store {
namespace {

using gateway::Restriction;
using gateway::RestrictionKind;

const catalog::RegionId frankfurt("eu-central-1");

std::unique_ptr<SqliteRestrictions> open(const std::string& path) {
  auto store = SqliteRestrictions::open(path);
  EXPECT_TRUE(store) << store.error().message;
  return store ? std::move(*store) : nullptr;
}

TEST(SqliteRestrictions, KeepsEveryMemberOverARestart) {
  TemporaryFolder folder;
  const WallTime since(std::chrono::microseconds(1'795'315'506'123'456));
  const Restriction drain{.region = frankfurt,
                          .kind = RestrictionKind::drain,
                          .reason = "INC-412; DROP TABLE region_restrictions",
                          .approver = "anna",
                          .since = since,
                          .expires = since + std::chrono::hours(1)};
  Restriction cordon = drain;
  cordon.kind = RestrictionKind::cordon;
  cordon.expires.reset();
  ASSERT_TRUE(open(folder / "d")->save_restriction(drain));
  ASSERT_TRUE(open(folder / "d")->save_restriction(cordon));
  const auto loaded = open(folder / "d")->load_restrictions();
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_EQ(loaded->size(), 2u);
  EXPECT_EQ((*loaded)[0].kind, RestrictionKind::cordon);
  EXPECT_FALSE((*loaded)[0].expires);
  EXPECT_EQ((*loaded)[1].region, frankfurt);
  EXPECT_EQ((*loaded)[1].reason, drain.reason);
  EXPECT_EQ((*loaded)[1].approver, "anna");
  EXPECT_EQ((*loaded)[1].since, since);
  EXPECT_EQ((*loaded)[1].expires, drain.expires);
}

TEST(SqliteRestrictions, ReplacesByRegionAndKindAndRemoves) {
  TemporaryFolder folder;
  const auto store = open(folder / "d");
  Restriction one{.region = frankfurt,
                  .kind = RestrictionKind::exclude,
                  .reason = "first",
                  .approver = "anna",
                  .since = {},
                  .expires = {}};
  ASSERT_TRUE(store->save_restriction(one));
  one.reason = "second";
  ASSERT_TRUE(store->save_restriction(one));
  auto loaded = store->load_restrictions().value();
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded[0].reason, "second");
  ASSERT_TRUE(store->remove_restriction(frankfurt, RestrictionKind::drain));
  EXPECT_EQ(store->load_restrictions().value().size(), 1u);
  ASSERT_TRUE(store->remove_restriction(frankfurt, RestrictionKind::exclude));
  EXPECT_TRUE(store->load_restrictions().value().empty());
}

}  // namespace
}  // namespace tidegate::store
