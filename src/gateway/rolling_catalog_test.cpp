// Regions whose catalogues are of different epochs: a rolling update refuses nobody, whichever end
// is ahead, until a version is revoked; and nothing is sent where it could not be admitted.
#include <gtest/gtest.h>

#include "catalog/draft.hpp"
#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

constexpr const char* nova = "eu.amazon.nova-2-lite-v1:0";
constexpr std::string_view milan_row =
    R"("eu-south-1":["eu-central-1","eu-south-1","eu-west-1"],"eu-central-1":["eu-central-1"])";

std::string second_version(std::string_view more) {
  return std::string(R"({"profiles":[{"id":"eu.amazon.nova-2-lite-v1:0","name":"EU Nova 2 Lite",)"
                     R"("scope":"geographic","geography":"eu","model":"amazon.nova-2-lite-v1:0",)"
                     R"("version":2,"rows":{)") +
         std::string(milan_row) + "}}]" + std::string(more) + "}";
}

CatalogInForce drafted(const std::string& own) {
  const auto bundle = catalog::draft_next(own, nullptr).value();
  return {.catalog = bundle.catalog(), .epoch = bundle.epoch(), .sha256 = bundle.sha256()};
}
CatalogInForce both_versions() {
  return drafted(second_version(""));
}
CatalogInForce second_only() {
  return drafted(
      second_version(R"(,"revoked":[{"profile":"eu.amazon.nova-2-lite-v1:0","version":1}])"));
}

class RollingCatalog : public ::testing::Test {
 protected:
  void publish(const CatalogInForce& catalog, std::initializer_list<const char*> regions) {
    for (const char* region : regions) ASSERT_TRUE(eu.at(region).region->publish(catalog));
    eu.run_for(500ms);  // and their next reports say so
  }
  // Where five requests at once from Milan ran: two slots a Region.
  std::map<std::string, int> five_from_milan() {
    std::vector<std::shared_ptr<Reply>> replies;
    for (int i = 0; i < 5; ++i) replies.push_back(eu.converse("eu-south-1", nova, i % 2));
    EXPECT_TRUE(eu.run_until_done(replies));
    std::map<std::string, int> where;
    for (const auto& reply : replies) {
      ++where[reply->status == 200 ? reply->header("x-tidegate-inference-region")
                                   : std::to_string(reply->status)];
    }
    return where;
  }
  bool violated(const char* region) {
    return std::ranges::any_of(eu.service_events(region), [](const json::object& event) {
      return json::serialize(event).contains("GeofenceViolation");
    });
  }
  void expect_spread_in_peace() {
    auto where = five_from_milan();
    EXPECT_EQ(where["eu-south-1"], 2);
    EXPECT_EQ(where["eu-central-1"] + where["eu-west-1"], 3);
    for (const char* region : {"eu-south-1", "eu-central-1", "eu-west-1"}) {
      EXPECT_FALSE(violated(region)) << region;
    }
    expect_all_attested();
  }
  // Whichever version of the row each was sent by.
  void expect_all_attested() {
    eu.run_for(500ms);
    for (const json::object& record : eu.records("eu-south-1")) {
      for (const auto& attempt : record.at("tidegate").at("attempts").as_array()) {
        if (attempt.at("region").as_string() == "eu-south-1") continue;
        EXPECT_EQ(attempt.at("attestationState").as_string(), "attested")
            << json::serialize(attempt);
      }
    }
  }
  TestDeployment eu;
};

TEST_F(RollingCatalog, TheSourceMayBeAhead) {
  publish(both_versions(), {"eu-south-1"});
  expect_spread_in_peace();
}

TEST_F(RollingCatalog, TheDestinationsMayBeAhead) {
  publish(both_versions(), {"eu-central-1", "eu-west-1"});
  expect_spread_in_peace();
  publish(both_versions(), {"eu-south-1"});
  expect_spread_in_peace();
}

TEST_F(RollingCatalog, ARequestThatOnlyANewRowAllowsWaitsForTheOtherRegions) {
  publish(second_only(), {"eu-south-1"});
  EXPECT_EQ(five_from_milan(), (std::map<std::string, int>{{"eu-south-1", 5}}));
  EXPECT_FALSE(violated("eu-central-1"));
  publish(second_only(), {"eu-central-1", "eu-west-1"});
  expect_spread_in_peace();
}

TEST_F(RollingCatalog, ARevokedVersionIsRefusedAtTheDestination) {
  publish(second_only(), {"eu-central-1", "eu-west-1"});
  auto where = five_from_milan();
  EXPECT_EQ(where["eu-central-1"] + where["eu-west-1"], 0);
  EXPECT_TRUE(violated("eu-central-1") || violated("eu-west-1"));
  EXPECT_TRUE(violated("eu-south-1"));
  EXPECT_TRUE(eu.at("eu-central-1").model->bodies.empty());
}

// The part that the caller keeps to has Dublin in it, which Frankfurt's version of the row has not.
TEST_F(RollingCatalog, APartOfANewerRowIsSentAsFarAsTheOlderOneHasIt) {
  const auto content = [](int version, std::string_view row) {
    return fmt::format(
        R"({{"geographies":[{{"id":"mine","version":1,)"
        R"("regions":["eu-central-1","eu-south-1","eu-west-1"]}}],)"
        R"("profiles":[{{"id":"mine.amazon.nova-2-lite-v1:0","name":"Mine","scope":"geographic",)"
        R"("geography":"mine","model":"amazon.nova-2-lite-v1:0","version":{},)"
        R"("rows":{{"eu-south-1":[{}]}}}}]}})",
        version, row);
  };
  const auto in_force = [](const catalog::Bundle& bundle) {
    return CatalogInForce{
        .catalog = bundle.catalog(), .epoch = bundle.epoch(), .sha256 = bundle.sha256()};
  };
  const auto one =
      catalog::draft_next(content(1, R"("eu-central-1","eu-south-1")"), nullptr).value();
  const auto two =
      catalog::draft_next(content(2, R"("eu-central-1","eu-south-1","eu-west-1")"), &one).value();
  publish(in_force(one), {"eu-central-1", "eu-west-1"});
  publish(in_force(two), {"eu-south-1"});
  Documents kept;
  kept.principals = {
      {.arn = demo_arn,
       .account = "111122223333",
       .user_id = "AIDADEMO",
       .policies = {"demo"},
       .narrowed_rows = {{"mine.amazon.nova-2-lite-v1:0", {"eu-central-1", "eu-west-1"}}}}};
  ASSERT_TRUE(eu.at("eu-south-1").region->apply(kept));
  eu.run_for(1ms);
  const auto reply = eu.converse("eu-south-1", "mine.amazon.nova-2-lite-v1:0");
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(reply->header("x-tidegate-inference-region"), "eu-central-1");
  EXPECT_FALSE(violated("eu-south-1") || violated("eu-central-1"));
}

TEST_F(RollingCatalog, LinksFollowTheRowsInForce) {
  const auto dialled = [&] {
    std::set<std::string> out;
    for (const auto& peer : eu.at("eu-south-1").workers[0].links->dialled) {
      out.insert(peer.region.str());
    }
    return out;
  };
  EXPECT_EQ(dialled(), (std::set<std::string>{"eu-central-1", "eu-west-1"}));
  // Milan's own geography, with London in it: a link more.
  const CatalogInForce mine =
      drafted(R"({"geographies":[{"id":"mine","version":1,"regions":["eu-south-1","eu-west-2"]}],)"
              R"("profiles":[{"id":"mine.amazon.nova-2-lite-v1:0","name":"Mine",)"
              R"("scope":"geographic","geography":"mine","model":"amazon.nova-2-lite-v1:0",)"
              R"("version":1,"rows":{"eu-south-1":["eu-south-1","eu-west-2"]}}]})");
  publish(mine, {"eu-south-1"});
  EXPECT_FALSE(violated("eu-south-1") || violated("eu-west-2")) << "London does not know it yet";
  publish(mine, {"eu-west-2"});
  EXPECT_EQ(dialled(), (std::set<std::string>{"eu-central-1", "eu-west-1", "eu-west-2"}));
}

}  // namespace
}  // namespace tidegate::gateway
