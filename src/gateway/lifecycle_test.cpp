// A model or a profile on its way out: LEGACY, then gone at its date, by the clock.
#include <gtest/gtest.h>

#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

const std::string milan = "eu-south-1";
const std::string nova = "amazon.nova-2-lite-v1:0",
                  sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0";

// The library, where Nova ends at the given times from the clock's beginning and Sonnet follows it.
std::shared_ptr<const catalog::Catalog> library(WallTime begin, Duration legacy, Duration end) {
  const auto at = [&](Duration after) {
    return aws::iso8601(begin + std::chrono::duration_cast<std::chrono::microseconds>(after));
  };
  json::value document = json::parse(catalog::Catalog::built_in()->document()).value();
  for (json::value& model : document.as_object().at("models").as_array()) {
    if (model.at("id").as_string() != std::string_view(nova)) continue;
    model.as_object()["lifecycle"] =
        json::object{{"legacy", at(legacy)}, {"endOfLife", at(end)}, {"successor", sonnet}};
  }
  return catalog::Catalog::parse(json::serialize(document)).value();
}

std::shared_ptr<Reply> get(TestDeployment& eu, const std::string& target) {
  auto reply = eu.send(milan, "GET", target, "");
  EXPECT_TRUE(eu.run_until_done({reply}));
  return reply;
}

std::shared_ptr<Reply> ask(TestDeployment& eu, const std::string& model) {
  auto reply = eu.converse(milan, model);
  EXPECT_TRUE(eu.run_until_done({reply}));
  return reply;
}

TEST(Lifecycle, ServedThenLegacyThenGone) {
  const WallTime begin = VirtualLoop().clock().wall();
  TestDeployment eu({.catalog = library(begin, 60s, 120s)});
  for (const std::string& name : {nova, "eu." + nova}) {
    const auto reply = ask(eu, name);
    EXPECT_EQ(reply->status, 200) << reply->body;
    EXPECT_EQ(reply->header("x-tidegate-lifecycle"), "");
  }
  EXPECT_TRUE(get(eu, "/foundation-models/" + nova)->body.contains(R"("status":"ACTIVE")"));

  eu.run_for(60s);
  for (const std::string& name : {nova, "eu." + nova}) {
    const auto reply = ask(eu, name);
    EXPECT_EQ(reply->status, 200) << "LEGACY is served";
    const std::string told = reply->header("x-tidegate-lifecycle");
    EXPECT_TRUE(told.starts_with("LEGACY since ")) << told;
    EXPECT_TRUE(told.contains("served until ")) << told;
    EXPECT_TRUE(
        told.ends_with(name.starts_with("eu.") ? "successor eu." + sonnet : "successor " + sonnet))
        << told;
  }
  const std::string model = get(eu, "/foundation-models/" + nova)->body;
  EXPECT_TRUE(model.contains(R"("modelLifecycle":{"status":"LEGACY","legacyTime":")")) << model;
  EXPECT_TRUE(model.contains("endOfLifeTime")) << model;
  const std::string profile = get(eu, "/inference-profiles/eu." + nova)->body;
  EXPECT_TRUE(profile.contains(R"("status":"ACTIVE")")) << "the only one that AWS's shape has";
  EXPECT_TRUE(profile.contains("successor eu." + sonnet)) << profile;

  eu.run_for(60s);
  for (const std::string& name : {nova, "eu." + nova}) {
    const auto reply = ask(eu, name);
    EXPECT_EQ(reply->status, 400);
    EXPECT_EQ(reply->header("x-amzn-errortype"), "ValidationException");
    EXPECT_TRUE(reply->body.contains("The provided model identifier is invalid.")) << reply->body;
    EXPECT_TRUE(reply->body.contains("its successor is ")) << reply->body;
  }
  EXPECT_EQ(get(eu, "/foundation-models/" + nova)->status, 404);
  EXPECT_EQ(get(eu, "/inference-profiles/eu." + nova)->status, 404);
  EXPECT_FALSE(get(eu, "/foundation-models")->body.contains(nova));
  EXPECT_FALSE(get(eu, "/inference-profiles")->body.contains("eu." + nova));
  EXPECT_EQ(ask(eu, "eu." + sonnet)->status, 200);
}

TEST(Lifecycle, OfAModelThatDoesNotRunHere) {
  const WallTime begin = VirtualLoop().clock().wall();
  TestDeployment eu({.models = {sonnet}, .catalog = library(begin, 1s, 60s)});
  EXPECT_TRUE(ask(eu, nova)->body.contains("Use: eu." + nova));
  eu.run_for(60s);
  const std::string gone = ask(eu, nova)->body;
  EXPECT_TRUE(gone.contains("its successor is " + sonnet)) << gone;
  EXPECT_FALSE(gone.contains("eu." + nova)) << gone;
}

TEST(Lifecycle, WhatRunsAtTheDateGoesOn) {
  const WallTime begin = VirtualLoop().clock().wall();
  TestDeployment eu({.catalog = library(begin, 1s, 10s)});
  eu.at(milan).model->think = 20s;
  const auto running = eu.converse(milan, "eu." + nova);
  ASSERT_TRUE(eu.run_until_done({running}));
  EXPECT_EQ(running->status, 200);
  EXPECT_EQ(ask(eu, "eu." + nova)->status, 400);
}

}  // namespace
}  // namespace tidegate::gateway
