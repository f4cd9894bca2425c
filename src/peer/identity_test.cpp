#include "peer/identity.hpp"

#include <gtest/gtest.h>

namespace tidegate::peer {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view domain = "tidegate.internal";

TEST(RegionIdentity, ReadsItsOwnUri) {
  const auto identity =
      RegionIdentity::parse("spiffe://eu-central-1.tidegate.internal/gw/node_1.A", domain);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->region.str(), "eu-central-1");
  EXPECT_EQ(identity->operator_domain, domain);
  EXPECT_EQ(identity->node, "node_1.A");
  EXPECT_EQ(identity->uri(), "spiffe://eu-central-1.tidegate.internal/gw/node_1.A");
}

TEST(RegionIdentity, RefusesEverythingElse) {
  for (const std::string_view uri : {
           ""sv,
           "spiffe://"sv,
           "https://eu-central-1.tidegate.internal/gw/1"sv,
           "SPIFFE://eu-central-1.tidegate.internal/gw/1"sv,
           "spiffe:/eu-central-1.tidegate.internal/gw/1"sv,
           "spiffe://EU-central-1.tidegate.internal/gw/1"sv,
           "spiffe://eu-central-1.Tidegate.internal/gw/1"sv,
           "spiffe://eu-central-1.tidegate.internal.evil.example/gw/1"sv,
           "spiffe://eu-central-1.evil.tidegate.internal/gw/1"sv,
           "spiffe://tidegate.internal/gw/1"sv,
           "spiffe://.tidegate.internal/gw/1"sv,
           "spiffe://eu-central-1..tidegate.internal/gw/1"sv,
           "spiffe://-eu-central-1.tidegate.internal/gw/1"sv,
           "spiffe://eu-central-1-.tidegate.internal/gw/1"sv,
           "spiffe://eu_central_1.tidegate.internal/gw/1"sv,
           "spiffe://xn--eu-1.tidegate.internal/gw/1"sv,
           "spiffe://eu-c\xc3\xa9ntral-1.tidegate.internal/gw/1"sv,
           "spiffe://eu-central-1.tidegate.internal:443/gw/1"sv,
           "spiffe://user@eu-central-1.tidegate.internal/gw/1"sv,
           "spiffe://eu-central-1\0.tidegate.internal/gw/1"sv,
           "spiffe://eu-central-1.tidegate.internal\0.evil.example/gw/1"sv,
           "spiffe://eu-central-1.tidegate.internal/gw/1\0"sv,
           "spiffe://eu-central-1.tidegate.internal"sv,
           "spiffe://eu-central-1.tidegate.internal/"sv,
           "spiffe://eu-central-1.tidegate.internal/gw"sv,
           "spiffe://eu-central-1.tidegate.internal/gw/"sv,
           "spiffe://eu-central-1.tidegate.internal/gw/1/"sv,
           "spiffe://eu-central-1.tidegate.internal/gw/1/2"sv,
           "spiffe://eu-central-1.tidegate.internal/gw//1"sv,
           "spiffe://eu-central-1.tidegate.internal//gw/1"sv,
           "spiffe://eu-central-1.tidegate.internal/gw/."sv,
           "spiffe://eu-central-1.tidegate.internal/gw/.."sv,
           "spiffe://eu-central-1.tidegate.internal/gw/%31"sv,
           "spiffe://eu-central-1.tidegate.internal/gw/1?a=b"sv,
           "spiffe://eu-central-1.tidegate.internal/gw/1#a"sv,
           "spiffe://eu-central-1.tidegate.internal/gw/1 "sv,
           "spiffe://eu-central-1.tidegate.internal/GW/1"sv,
           "spiffe://eu-central-1.tidegate.internal/workload/1"sv,
           " spiffe://eu-central-1.tidegate.internal/gw/1"sv,
       }) {
    EXPECT_FALSE(RegionIdentity::parse(uri, domain)) << uri;
  }
}

TEST(RegionIdentity, HoldsTheLengthsOfTheStandard) {
  const std::string node(2'048 - "spiffe://eu-central-1.tidegate.internal/gw/"sv.size(), 'n');
  const std::string longest = "spiffe://eu-central-1.tidegate.internal/gw/" + node;
  EXPECT_TRUE(RegionIdentity::parse(longest, domain));
  EXPECT_FALSE(RegionIdentity::parse(longest + "n", domain));
  const std::string long_domain(255 - "eu-central-1."sv.size(), 'd');
  EXPECT_TRUE(RegionIdentity::parse("spiffe://eu-central-1." + long_domain + "/gw/1", long_domain));
  EXPECT_FALSE(
      RegionIdentity::parse("spiffe://eu-central-1." + long_domain + "d/gw/1", long_domain + "d"));
}

}  // namespace
}  // namespace tidegate::peer
