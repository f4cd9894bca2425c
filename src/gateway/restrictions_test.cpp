// Regions taken out of use, by whole Regions in virtual time.
#include "gateway/restrictions.hpp"

#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

const std::string nova = "eu.amazon.nova-2-lite-v1:0";
const std::string milan = "eu-south-1", frankfurt = "eu-central-1", dublin = "eu-west-1";

void take_out(TestDeployment& eu, const std::string& at, const std::string& region,
              RestrictionKind kind, std::optional<Duration> lasts = {}) {
  const WallTime now = eu.loop.clock().wall();
  Restriction restriction{.region = catalog::RegionId(region),
                          .kind = kind,
                          .reason = "INC-412",
                          .approver = "anna",
                          .since = now,
                          .expires = {}};
  if (lasts) restriction.expires = now + std::chrono::floor<std::chrono::microseconds>(*lasts);
  ASSERT_TRUE(eu.at(at).region->restrictions().set(restriction));
}

std::string where(TestDeployment& eu, const std::string& from) {
  const auto reply = eu.converse(from, nova);
  EXPECT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 200) << reply->body;
  return reply->header("x-tidegate-inference-region");
}

TEST(Restrictions, ACordonIsOfOneSourceOnly) {
  TestDeployment eu;
  take_out(eu, milan, frankfurt, RestrictionKind::cordon);
  take_out(eu, milan, milan, RestrictionKind::cordon);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(where(eu, milan), dublin);
  EXPECT_EQ(where(eu, frankfurt), frankfurt) << "Frankfurt's own callers";
  EXPECT_TRUE(eu.at(frankfurt).region->can_serve());
}

TEST(Restrictions, ADrainedRegionTellsItsPeersAndItsCallersGoElsewhere) {
  TestDeployment eu;
  take_out(eu, frankfurt, frankfurt, RestrictionKind::drain);
  take_out(eu, milan, milan, RestrictionKind::drain);
  eu.run_for(300ms);  // a report
  for (int i = 0; i < 4; ++i) EXPECT_EQ(where(eu, milan), dublin);
  EXPECT_EQ(where(eu, frankfurt), dublin);
  EXPECT_TRUE(eu.at(frankfurt).model->bodies.empty());
  EXPECT_TRUE(eu.at(milan).model->bodies.empty());
  EXPECT_TRUE(eu.at(milan).region->can_serve()) << "through Dublin";
  const auto attempts = eu.records(milan)[0].at("tidegate").at("attempts").as_array();
  EXPECT_EQ(attempts.size(), 1u) << "nobody had to be asked in vain";
}

TEST(Restrictions, ADrainedRegionFinishesWhatItHas) {
  TestDeployment eu;
  eu.at(milan).model->think = 500ms;
  const auto running = eu.converse(milan, nova);
  eu.run_for(100ms);
  take_out(eu, milan, milan, RestrictionKind::drain);
  ASSERT_TRUE(eu.run_until_done({running}));
  EXPECT_EQ(running->status, 200);
  EXPECT_EQ(running->header("x-tidegate-inference-region"), milan);
}

TEST(Restrictions, ARequestHandedBackByARegionDrainedMeanwhileGoesOn) {
  TestDeployment eu;
  take_out(eu, milan, milan, RestrictionKind::cordon);
  take_out(eu, milan, dublin, RestrictionKind::cordon);
  take_out(eu, frankfurt, frankfurt, RestrictionKind::drain);  // Milan has not been told yet
  const auto reply = eu.converse(milan, nova);
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(reply->header("x-tidegate-error"), "TG-3006");
  EXPECT_TRUE(eu.at(frankfurt).model->bodies.empty());
}

TEST(Restrictions, AreLookedAtAfterAFailedAttempt) {
  TestDeployment eu;
  eu.at(milan).model->think = 300ms;
  eu.at(milan).model->fail_with_status = 500;
  const auto reply = eu.converse(milan, nova);
  eu.run_for(100ms);
  take_out(eu, milan, frankfurt, RestrictionKind::exclude);
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->header("x-tidegate-inference-region"), dublin);
}

TEST(Restrictions, AreLookedAtAfterWaitingForRoom) {
  TestDeployment eu;
  for (const auto& region : {milan, frankfurt, dublin}) eu.at(region).model->think = 3s;
  std::vector<std::shared_ptr<Reply>> busy;
  for (int i = 0; i < 6; ++i) busy.push_back(eu.converse(milan, nova));
  eu.run_for(500ms);
  const auto waiting = eu.converse(milan, nova);
  eu.run_for(500ms);
  ASSERT_FALSE(waiting->done);
  for (const auto& region : {milan, frankfurt, dublin})
    take_out(eu, milan, region, RestrictionKind::exclude);
  eu.at(milan).region->capacity_changed();
  eu.run_for(200ms);
  ASSERT_TRUE(waiting->done) << "nothing is left to wait for";
  EXPECT_EQ(waiting->status, 503);
  ASSERT_TRUE(eu.run_until_done(busy));
  for (const auto& reply : busy) EXPECT_EQ(reply->status, 200) << "those running go on";
}

TEST(Restrictions, WhenAllAreOutTheClientTheRecordAndTheReasonSayWhich) {
  TestDeployment eu;
  take_out(eu, milan, milan, RestrictionKind::drain);
  take_out(eu, milan, frankfurt, RestrictionKind::exclude, 3600s);
  take_out(eu, milan, dublin, RestrictionKind::cordon);
  const auto reply = eu.converse(milan, nova);
  eu.run_for(100ms);
  ASSERT_TRUE(reply->done) << "an operator's word is not waited out";
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(reply->header("x-amzn-errortype"), "ServiceUnavailableException");
  for (const char* words :
       {"eu-south-1 (drained: INC-412)", "eu-central-1 (excluded: INC-412, until",
        "eu-west-1 (cordoned: INC-412)"}) {
    EXPECT_TRUE(reply->body.contains(words)) << reply->body;
  }
  EXPECT_FALSE(reply->body.contains("anna")) << "who approved it is not the caller's business";
  const auto record = eu.records(milan)[0];
  EXPECT_EQ(record.at("errorCode").as_string(), "ServiceUnavailableException");
  const auto& decision = record.at("tidegate").at("decision").as_object();
  EXPECT_EQ(decision.at("reason").as_string(), "withdrawn");
  EXPECT_TRUE(json::serialize(decision).contains("excluded: INC-412"));
}

TEST(Restrictions, EndAtTheirTimeAndSaySo) {
  TestDeployment eu;
  take_out(eu, milan, milan, RestrictionKind::drain, 2s);
  EXPECT_NE(where(eu, milan), milan);
  eu.run_for(4s);
  EXPECT_EQ(where(eu, milan), milan);
  EXPECT_TRUE(eu.at(milan).restrictions.kept.empty());
  const auto events = eu.service_events(milan);
  EXPECT_TRUE(std::ranges::any_of(events, [](const json::object& event) {
    return json::serialize(event).contains("RegionRestrictionExpired");
  }));
}

TEST(Restrictions, ALiftedOneIsGone) {
  TestDeployment eu;
  take_out(eu, milan, milan, RestrictionKind::exclude);
  EXPECT_NE(where(eu, milan), milan);
  auto& table = eu.at(milan).region->restrictions();
  EXPECT_FALSE(table.lift(catalog::RegionId(milan), RestrictionKind::drain));
  ASSERT_TRUE(table.lift(catalog::RegionId(milan), RestrictionKind::exclude));
  EXPECT_EQ(where(eu, milan), milan);
}

TEST(Restrictions, SurviveARestart) {
  VirtualLoop loop;
  MemoryRestrictions store;
  store.kept = {{.region = catalog::RegionId(frankfurt),
                 .kind = RestrictionKind::exclude,
                 .reason = "INC-412",
                 .approver = "anna",
                 .since = {},
                 .expires = {}}};
  RestrictionTable table(store, loop.clock());
  ASSERT_TRUE(table.load());
  EXPECT_EQ(table.of(catalog::RegionId(frankfurt)).kind, routing::Withdrawn::excluded);
  EXPECT_EQ(table.of(catalog::RegionId(milan)).kind, routing::Withdrawn::no);
}

}  // namespace
}  // namespace tidegate::gateway
