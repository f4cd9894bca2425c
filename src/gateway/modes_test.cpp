// The modes of profiles: at the source only, inside a geography from sources outside of it, and
// global once it is granted.
#include <gtest/gtest.h>

#include <set>

#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

const std::string nova = "amazon.nova-2-lite-v1:0";
const std::string milan = "eu-south-1", frankfurt = "eu-central-1", london = "eu-west-2";

// Where eight requests at once run, of which the source has room for two.
std::set<std::string> where(TestDeployment& deployment, const std::string& source,
                            const std::string& profile) {
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 8; ++i) replies.push_back(deployment.converse(source, profile, i % 2));
  EXPECT_TRUE(deployment.run_until_done(replies));
  std::set<std::string> out;
  for (const auto& reply : replies) {
    EXPECT_EQ(reply->status, 200) << reply->body;
    out.insert(reply->header("x-tidegate-inference-region"));
  }
  return out;
}

TEST(Modes, SourcesOutsideTheEuHaveTheirOwnRowsAndAreNobodysDestination) {
  struct Case {
    std::string source, model;
  };
  for (const auto& [source, model] :
       {Case{london, "anthropic.claude-sonnet-4-5-20250929-v1:0"},
        Case{"eu-central-2", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
        Case{"il-central-1", "amazon.nova-lite-v1:0"}}) {
    TestDeployment eu({.regions = {milan, frankfurt, source}, .models = {model}});
    const std::string profile = "eu." + model;
    EXPECT_EQ(where(eu, source, profile), (std::set<std::string>{source, milan, frankfurt}));
    for (const auto& inside : {milan, frankfurt}) {
      eu.run_for(5s);
      EXPECT_FALSE(where(eu, inside, profile).contains(source)) << "though it has room";
    }
  }
}

std::shared_ptr<Reply> ask(TestDeployment& deployment, const std::string& model) {
  auto reply = deployment.converse(milan, model);
  EXPECT_TRUE(deployment.run_until_done({reply}));
  return reply;
}

Documents demo_with(bool global_grant) {
  Documents out;
  out.principals = {{.arn = demo_arn,
                     .account = "111122223333",
                     .user_id = "AIDADEMO",
                     .policies = {"demo"},
                     .global_grant = global_grant}};
  return out;
}

TEST(Modes, TheGrantOfGlobalIsTakenBackAtRunTime) {
  TestDeployment world({.global_profiles = GlobalProfiles::on});
  EXPECT_EQ(ask(world, "global." + nova)->status, 200);
  ASSERT_TRUE(world.at(milan).region->apply(demo_with(false)));
  world.run_for(1ms);
  const auto refused = ask(world, "global." + nova);
  EXPECT_EQ(refused->status, 403);
  EXPECT_TRUE(refused->body.contains("off until the operator grants them")) << refused->body;
  EXPECT_EQ(ask(world, "eu." + nova)->status, 200);
  ASSERT_TRUE(world.at(milan).region->apply(demo_with(true)));
  world.run_for(1ms);
  EXPECT_EQ(ask(world, "global." + nova)->status, 200);
}

TEST(Modes, APolicyDeniesGlobalThatIsGranted) {
  TestDeployment world({.global_profiles = GlobalProfiles::on, .policy = R"({"Version":"2012-10-17",
    "Statement":[{"Effect":"Allow","Action":"bedrock:*","Resource":"*"},
      {"Sid":"NoGlobal","Effect":"Deny","Action":"bedrock:*","Resource":"*",
       "Condition":{"StringEquals":{"aws:RequestedRegion":"unspecified"}}}]})"});
  const auto denied = ask(world, "global." + nova);
  EXPECT_EQ(denied->status, 403);
  EXPECT_TRUE(denied->body.contains("explicit deny")) << denied->body;
  EXPECT_EQ(ask(world, "eu." + nova)->status, 200);
}

// It does not even report, so that nothing is sent there. Home is another destination of the row,
// and serves it.
TEST(Modes, APeerWithoutTheGrantRefusesAndBothSidesSaySo) {
  TestDeployment world({.regions = {milan, london},
                        .slots = 1,
                        .global_profiles = GlobalProfiles::on,
                        .without_global = {london}});
  world.at(milan).model->think = 2s;
  const auto busy = world.converse(milan, "global." + nova);
  world.run_for(100ms);
  const auto abroad = world.converse(milan, "global." + nova);
  ASSERT_TRUE(world.run_until_done({busy, abroad}));
  EXPECT_EQ(busy->status, 200);
  EXPECT_EQ(abroad->status, 200);
  EXPECT_EQ(abroad->header("x-tidegate-inference-region"), milan);
  EXPECT_TRUE(world.at(london).model->bodies.empty());
  for (const auto& region : {milan, london}) {
    const auto events = world.service_events(region);
    EXPECT_TRUE(std::ranges::any_of(events, [](const json::object& event) {
      const std::string text = json::serialize(event);
      return text.contains("GeofenceViolation") && text.contains("no_shared_row");
    })) << region;
  }
}

}  // namespace
}  // namespace tidegate::gateway
