#include "net/connection.hpp"

#include <gtest/gtest.h>

namespace tidegate::net {
namespace {

TEST(HttpDate, IsRfc9110sPreferredFormAndFollowsTheClock) {
  using namespace std::chrono;
  const WallTime sunday = sys_days(2026y / 11 / 22) + 3h + 20min + 8s;
  EXPECT_EQ(http_date(sunday), "Sun, 22 Nov 2026 03:20:08 GMT");
  EXPECT_EQ(http_date(sunday + 999ms), "Sun, 22 Nov 2026 03:20:08 GMT");
  EXPECT_EQ(http_date(sunday + 1s), "Sun, 22 Nov 2026 03:20:09 GMT");
}

}  // namespace
}  // namespace tidegate::net
