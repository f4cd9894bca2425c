// Parts of rows that customers keep to: of a principal, by documents, and of an application
// profile, by its tag.
#include <gtest/gtest.h>

#include "catalog/draft.hpp"
#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

const std::string nova = "eu.amazon.nova-2-lite-v1:0";
const std::string milan = "eu-south-1", frankfurt = "eu-central-1", dublin = "eu-west-1";
const std::string create = R"({"inferenceProfileName":"Team A","modelSource":{"copyFrom":
  "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.amazon.nova-2-lite-v1:0"},
  "tags":[{"key":"tidegate:id","value":"team-a"},{"key":"tidegate:regions","value":")";

Documents narrowed_to(std::vector<std::string> regions, const std::string& profile = nova) {
  Documents out;
  out.principals = {{.arn = demo_arn,
                     .account = "111122223333",
                     .user_id = "AIDADEMO",
                     .policies = {"demo"},
                     .narrowed_rows = {{profile, std::move(regions)}}}};
  return out;
}

std::shared_ptr<Reply> ask(TestDeployment& eu, const std::string& model = nova) {
  auto reply = eu.converse(milan, model);
  EXPECT_TRUE(eu.run_until_done({reply}));
  return reply;
}

void narrow(TestDeployment& eu, std::vector<std::string> regions) {
  const auto applied = eu.at(milan).region->apply(narrowed_to(std::move(regions)));
  ASSERT_TRUE(applied) << applied.error().message;
  eu.run_for(1ms);
}

TEST(NarrowedRows, APrincipalStaysInItsPart) {
  TestDeployment eu;
  narrow(eu, {frankfurt, dublin});
  for (int i = 0; i < 6; ++i) {
    const auto reply = ask(eu);
    EXPECT_EQ(reply->status, 200) << reply->body;
    EXPECT_NE(reply->header("x-tidegate-inference-region"), milan);
    EXPECT_EQ(reply->header("x-tidegate-route-reason"), "source_narrowed_out");
  }
  EXPECT_TRUE(eu.at(milan).model->bodies.empty());
  const auto record = eu.records(milan)[0];
  const auto& profile = record.at("tidegate").at("profile").as_object();
  EXPECT_EQ(json::serialize(profile.at("narrowedTo")), R"(["eu-central-1","eu-west-1"])");
  EXPECT_EQ(profile.at("row").as_array().size(), 6u) << "the row stays what it is";
  EXPECT_TRUE(json::serialize(record).contains("narrowed_out"));
}

TEST(NarrowedRows, AFailureDoesNotWidenThem) {
  TestDeployment eu;
  narrow(eu, {frankfurt});
  eu.at(frankfurt).model->fail_with_status = 500;
  const auto reply = ask(eu);
  EXPECT_GE(reply->status, 400);
  EXPECT_TRUE(eu.at(milan).model->bodies.empty());
  EXPECT_TRUE(eu.at(dublin).model->bodies.empty());
}

TEST(NarrowedRows, WaitersOfAnotherPartDoNotHoldUpTheRow) {
  TestDeployment eu;
  eu.at(frankfurt).model->think = 8s;
  narrow(eu, {frankfurt});
  std::vector<std::shared_ptr<Reply>> kept;
  for (int i = 0; i < 3; ++i) kept.push_back(eu.converse(milan, nova));
  eu.run_for(500ms);
  EXPECT_FALSE(kept[2]->done) << "Frankfurt's two slots are taken";
  ASSERT_TRUE(eu.at(milan).region->apply(narrowed_to({milan, frankfurt, dublin})));
  eu.run_for(1ms);
  const auto other = eu.converse(milan, nova);
  eu.run_for(500ms);
  EXPECT_TRUE(other->done);
  EXPECT_EQ(other->status, 200);
  ASSERT_TRUE(eu.run_until_done(kept));
}

TEST(NarrowedRows, WhatIsNotInsideTheRowIsRefusedAndNothingChanges) {
  TestDeployment eu;
  const std::pair<Documents, const char*> refused[] = {
      {narrowed_to({frankfurt, "eu-west-2"}), "eu-west-2 is outside the row"},
      {narrowed_to({}), "no Region would be left"},
      {narrowed_to({frankfurt}, "eu.nothing"), "which is not a profile"}};
  for (const auto& [documents, words] : refused) {
    const auto applied = eu.at(milan).region->apply(documents);
    ASSERT_FALSE(applied) << words;
    EXPECT_TRUE(applied.error().message.contains(words)) << applied.error().message;
    EXPECT_TRUE(applied.error().message.contains(demo_arn)) << applied.error().message;
    EXPECT_FALSE(applied.error().mend.empty());
  }
  EXPECT_EQ(ask(eu)->header("x-tidegate-inference-region"), milan);
  EXPECT_TRUE(eu.at("eu-west-2").region->apply(narrowed_to({frankfurt})))
      << "London has no row of the profile: nothing can run from there";
}

TEST(NarrowedRows, AnApplicationProfileKeepsToItsTag) {
  TestDeployment eu;
  const auto made = eu.send(milan, "POST", "/inference-profiles", create + "eu-west-1\"}]}");
  ASSERT_TRUE(eu.run_until_done({made}));
  ASSERT_EQ(made->status, 201) << made->body;
  const auto got = eu.send(milan, "GET", "/inference-profiles/team-a", "");
  ASSERT_TRUE(eu.run_until_done({got}));
  const auto models = json::parse(got->body)->at("models").as_array();
  ASSERT_EQ(models.size(), 1u) << got->body;
  EXPECT_TRUE(json::serialize(models[0]).contains("eu-west-1"));
  EXPECT_EQ(ask(eu, "team-a")->header("x-tidegate-inference-region"), dublin);
  EXPECT_EQ(ask(eu)->header("x-tidegate-inference-region"), milan) << "its source is as it was";

  narrow(eu, {frankfurt, dublin});
  EXPECT_EQ(ask(eu, "team-a")->header("x-tidegate-inference-region"), dublin);
  narrow(eu, {frankfurt});
  const auto nothing = ask(eu, "team-a");
  EXPECT_EQ(nothing->status, 400);
  EXPECT_TRUE(nothing->body.contains("no Region is left")) << nothing->body;
}

// The profile's next version, with these rows.
CatalogInForce with_rows(std::string_view rows) {
  const auto bundle =
      catalog::draft_next(
          fmt::format(R"({{"profiles":[{{"id":"{}","name":"EU Nova 2 Lite","scope":"geographic",)"
                      R"("geography":"eu","model":"amazon.nova-2-lite-v1:0","version":2,)"
                      R"("rows":{{{}}}}}]}})",
                      nova, rows),
          nullptr)
          .value();
  return {.catalog = bundle.catalog(), .epoch = bundle.epoch(), .sha256 = bundle.sha256()};
}

TEST(NarrowedRows, ACatalogueWithoutWhatATagNamesRefusesItsProfileAndSaysSo) {
  TestDeployment eu;
  Region& region = *eu.at(milan).region;
  const auto made = eu.send(milan, "POST", "/inference-profiles", create + "eu-west-1\"}]}");
  ASSERT_TRUE(eu.run_until_done({made}));
  const auto publish = [&](CatalogInForce catalog) {
    const auto lost = region.publish(std::move(catalog)).value();
    eu.run_for(1ms);
    return lost;
  };
  const auto refused = [&] {
    const auto reply = ask(eu, "team-a");
    EXPECT_EQ(reply->status, 400);
    return reply->body;
  };
  const CatalogInForce without =
      with_rows(R"("eu-south-1":["eu-central-1","eu-south-1"],"eu-west-1":["eu-west-1"])");
  auto lost = publish(without);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].arn,
            "arn:aws:bedrock:eu-south-1:111122223333:application-inference-profile/team-a");
  EXPECT_TRUE(lost[0].why.contains("eu-west-1 is outside the row")) << lost[0].why;
  EXPECT_TRUE(refused().contains("eu-west-1 is outside the row"));
  for (const auto& [name, part] : eu.regions) EXPECT_TRUE(part->model->bodies.empty()) << name;
  EXPECT_EQ(ask(eu)->status, 200) << "its source is as the catalogue has it";
  EXPECT_TRUE(publish(without).empty()) << "told once";

  const CatalogInForce built_in{.catalog = catalog::Catalog::built_in()};
  EXPECT_TRUE(publish(built_in).empty());
  EXPECT_EQ(ask(eu, "team-a")->header("x-tidegate-inference-region"), dublin);
  lost = publish(with_rows(R"("eu-west-1":["eu-west-1"])"));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_TRUE(lost[0].why.contains("no row for the source eu-south-1")) << lost[0].why;
  refused();
}

TEST(NarrowedRows, ATagThatWidensIsRefused) {
  TestDeployment eu;
  const auto made = eu.send(milan, "POST", "/inference-profiles", create + "eu-west-2\"}]}");
  ASSERT_TRUE(eu.run_until_done({made}));
  EXPECT_EQ(made->status, 400);
  EXPECT_TRUE(made->body.contains("eu-west-2 is outside the row")) << made->body;
}

}  // namespace
}  // namespace tidegate::gateway
