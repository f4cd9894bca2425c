// A Region whose adequacy ends: an alarm 180 days before, at every load and once a day.
#include <gtest/gtest.h>

#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

const std::string milan = "eu-south-1";
constexpr WallTime today = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};  // the loop's

std::shared_ptr<const catalog::Catalog> until(int days) {
  json::value document = json::parse(catalog::Catalog::built_in()->document()).value();
  for (json::value& region : document.as_object().at("regions").as_array()) {
    if (region.at("id").as_string() != "eu-west-2") continue;
    region.as_object()["adequacy"] =
        json::object{{"until", aws::iso8601(today + std::chrono::days(days)).substr(0, 10)}};
  }
  return catalog::Catalog::parse(json::serialize(document)).value();
}

// "name days", oldest first.
std::vector<std::string> alarms(TestDeployment& eu) {
  std::vector<std::string> out;
  for (const json::object& event : eu.service_events(milan)) {
    const std::string name(json::find_string(event, "eventName").value());
    if (!name.starts_with("Adequacy")) continue;
    const json::object& details = event.at("serviceEventDetails").as_object();
    EXPECT_EQ(json::find_string(details, "region"), "eu-west-2");
    out.insert(out.begin(),
               name + ' ' + std::to_string(json::find_int(details, "daysLeft").value()));
  }
  return out;
}

std::string metric(TestDeployment& eu) {
  const std::string text = eu.at(milan).region->telemetry().text();
  constexpr std::string_view name = "tidegate_adequacy_days_left{region=\"eu-west-2\"} ";
  const auto at = text.find(name);
  if (at == std::string::npos) return "";
  return text.substr(at + name.size(), text.find('\n', at) - at - name.size());
}

TEST(AdequacyAlarm, FromADayOnEveryDay) {
  TestDeployment eu({.regions = {milan}, .catalog = until(182)});
  const auto day = [&](int number) {
    eu.loop.clock().set_wall_offset(std::chrono::days(number));
    eu.run_for(3s);
  };
  day(0);
  EXPECT_EQ(metric(eu), "182") << "shown before it is an alarm";
  day(1);
  EXPECT_TRUE(alarms(eu).empty());
  day(2);
  day(2);
  day(3);
  EXPECT_EQ(alarms(eu), (std::vector<std::string>{"AdequacyEnds 180", "AdequacyEnds 179"}));
  EXPECT_EQ(metric(eu), "179");
  day(182);
  day(183);
  EXPECT_EQ(alarms(eu).back(), "AdequacyEnded -1");
  EXPECT_EQ(alarms(eu).size(), 4u);
}

TEST(AdequacyAlarm, AtEveryLoad) {
  TestDeployment eu({.regions = {milan}});
  eu.run_for(3s);
  EXPECT_TRUE(alarms(eu).empty());
  ASSERT_TRUE(eu.at(milan).region->publish({.catalog = until(100), .epoch = 1, .sha256 = "1"}));
  eu.run_for(3s);
  EXPECT_EQ(alarms(eu), (std::vector<std::string>{"AdequacyEnds 100"}));
  ASSERT_TRUE(eu.at(milan).region->publish({.catalog = until(400), .epoch = 2, .sha256 = "2"}));
  eu.run_for(3s);
  EXPECT_EQ(alarms(eu).size(), 1u);
  EXPECT_EQ(metric(eu), "400");
  ASSERT_TRUE(eu.at(milan).region->publish(
      {.catalog = catalog::Catalog::built_in(), .epoch = 3, .sha256 = "3"}));
  eu.run_for(3s);
  EXPECT_EQ(metric(eu), "") << "what is no longer stated is no longer shown";
}

}  // namespace
}  // namespace tidegate::gateway
