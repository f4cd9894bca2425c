#include "catalog/adequacy.hpp"

#include <gtest/gtest.h>

#include "aws/sigv4.hpp"

namespace tidegate::catalog {
namespace {

std::shared_ptr<const Catalog> stating(const json::object& adequacy) {
  json::value document = json::parse(Catalog::built_in()->document()).value();
  for (json::value& region : document.as_object().at("regions").as_array()) {
    if (region.at("id").as_string() == "eu-west-2") region.as_object()["adequacy"] = adequacy;
  }
  return Catalog::parse(json::serialize(document)).value();
}

AdequacyEnd at(std::string_view now) {
  const auto catalog = stating({{"until", "2031-12-27"}, {"review", "2031-06-01"}});
  const auto ends = adequacy_ends(*catalog, aws::parse_iso8601(now).value());
  EXPECT_EQ(ends.size(), 1u);
  return ends.front();
}

TEST(Adequacy, CountsWholeDaysAndIsSoonFrom180) {
  EXPECT_EQ(at("2031-06-29T23:59:59Z").days, 181);
  EXPECT_FALSE(at("2031-06-29T23:59:59Z").soon());
  EXPECT_EQ(at("2031-06-30T00:00:00Z").days, 180);
  EXPECT_TRUE(at("2031-06-30T00:00:00Z").soon());
  EXPECT_EQ(at("2031-12-27T23:59:59Z").days, 0) << "its last day";
  EXPECT_EQ(at("2031-12-28T00:00:00Z").days, -1);
  EXPECT_TRUE(at("2040-01-01T00:00:00Z").soon()) << "it stays an alarm";
}

TEST(Adequacy, AsJson) {
  EXPECT_EQ(json::serialize(to_json(at("2031-12-01T00:00:00Z"))),
            R"({"region":"eu-west-2","until":"2031-12-27","daysLeft":26,"review":"2031-06-01"})");
}

TEST(Adequacy, WithoutAnEndThereIsNothingToSay) {
  const WallTime now = aws::parse_iso8601("2031-12-01T00:00:00Z").value();
  EXPECT_TRUE(adequacy_ends(*Catalog::built_in(), now).empty());
  EXPECT_TRUE(adequacy_ends(*stating({{"review", "2031-06-01"}}), now).empty());
}

}  // namespace
}  // namespace tidegate::catalog
