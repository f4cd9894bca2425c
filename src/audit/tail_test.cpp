// The tail against the file it caches: wherever it answers, it has the file's bytes.
#include "audit/tail.hpp"

#include <gtest/gtest.h>

namespace tidegate::audit {
namespace {

TEST(Tail, HasWhatWasWrittenUntilItIsForgotten) {
  Tail tail;
  tail.add("0123");
  tail.add("456");
  EXPECT_EQ(tail.since(0), "0123456");
  EXPECT_EQ(tail.since(5), "56");
  EXPECT_EQ(tail.since(7), "");
  tail.forget_before(4);
  EXPECT_EQ(tail.since(3), "");
  EXPECT_EQ(tail.since(4), "456");
  tail.forget_before(7);
  tail.add("789");
  EXPECT_EQ(tail.since(7), "789");
}

TEST(Tail, TakesWhatGoesOnBehindIt) {
  Tail older, newer;
  newer.add("0123");
  older.take(newer);
  EXPECT_EQ(newer.since(0), "");
  newer.add("456");
  older.take(newer);
  older.take(newer);  // nothing came
  EXPECT_EQ(older.since(0), "0123456");
  older.forget_before(7);
  newer.add("789");
  older.take(newer);
  EXPECT_EQ(older.since(7), "789");
}

TEST(Tail, LeavesTooMuchToTheFile) {
  const std::string half(limits::audit_tail_bytes_max / 2 + 1, 'x');
  Tail older, newer;
  newer.add("abc");
  older.take(newer);
  newer.add(half);
  newer.add(half);  // too much: both are only in the file now
  const std::uint64_t size = 3 + 2 * half.size();
  EXPECT_EQ(newer.since(3), "");
  newer.add("def");
  EXPECT_EQ(newer.since(size), "def");
  older.take(newer);  // does not join
  EXPECT_EQ(older.since(0), "");
  EXPECT_EQ(older.since(size), "def");
}

}  // namespace
}  // namespace tidegate::audit
