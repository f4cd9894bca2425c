// A token is used once: by one thread or many, whatever the minute.
#include <gtest/gtest.h>

#include <thread>

#include "peer/token.hpp"
#include "peer/token_fixture.hpp"

namespace tidegate::peer {
namespace {

using Seen = ReplayTable::Seen;

Seen use(ReplayTable& table, std::string_view jti, std::int64_t expires_ms) {
  return table.use(table.entry(jti, expires_ms));
}

const std::int64_t expires = unix_ms(now) + 60'000;

TEST(ReplayTable, KnowsATokenAgainUntilItsMinuteIsOver) {
  ReplayTable table(1'000);
  EXPECT_EQ(use(table, "a", expires), Seen::fresh);
  EXPECT_EQ(use(table, "a", expires), Seen::replayed);
  EXPECT_EQ(use(table, "b", expires), Seen::fresh);
  EXPECT_EQ(use(table, "c", expires + 60'000), Seen::fresh);
  EXPECT_EQ(use(table, "d", expires + 120'000), Seen::fresh);
  EXPECT_EQ(use(table, "a", expires), Seen::replayed);
}

TEST(ReplayTable, TheFourthMinuteAfterTakesThePlaceAndTheOldOneIsRefused) {
  ReplayTable table(1'000);
  EXPECT_EQ(use(table, "a", expires), Seen::fresh);
  EXPECT_EQ(use(table, "a", expires + 240'000),
            Seen::fresh);  // another token, as far as anyone can tell
  EXPECT_EQ(use(table, "a", expires + 240'000), Seen::replayed);
  EXPECT_EQ(use(table, "b", expires), Seen::replayed);  // a clock that went back
}

TEST(ReplayTable, FullIsRefusedAndEmptiesWithItsMinute) {
  ReplayTable table(8);
  int fresh = 0, full = 0;
  for (int i = 0; i < 100; ++i) {
    const Seen seen = use(table, "jti-" + std::to_string(i), expires);
    fresh += seen == Seen::fresh;
    full += seen == Seen::full;
  }
  EXPECT_EQ(fresh, 16);
  EXPECT_EQ(full, 84);
  EXPECT_EQ(use(table, "later", expires + 240'000), Seen::fresh);
}

TEST(ReplayTable, TakesTheRateThatItIsMadeFor) {
  ReplayTable table(20'000);
  for (int i = 0; i < 20'000; ++i)
    ASSERT_EQ(use(table, "jti-" + std::to_string(i), expires), Seen::fresh);
  for (int i = 0; i < 20'000; ++i)
    ASSERT_EQ(use(table, "jti-" + std::to_string(i), expires), Seen::replayed);
}

TEST(ReplayTable, OfManyConcurrentUsesExactlyOneWins) {
  constexpr int tokens = 5'000, threads = 4;
  ReplayTable table(tokens);
  std::atomic<int> waiting{threads}, wins{0};
  std::vector<std::thread> users;
  for (int t = 0; t < threads; ++t) {
    users.emplace_back([&] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      for (int i = 0; i < tokens; ++i) {
        if (use(table, "jti-" + std::to_string(i), expires) == Seen::fresh) ++wins;
      }
    });
  }
  for (std::thread& user : users) user.join();
  EXPECT_EQ(wins, tokens);
}

}  // namespace
}  // namespace tidegate::peer
