// The whole pipeline, several Regions of two workers each, in one thread and without a socket.
#include <gtest/gtest.h>

#include "aws/event_stream.hpp"
#include "gateway/test_deployment.hpp"
#include "gateway/trace.hpp"

namespace tidegate::gateway {
namespace {

constexpr const char* nova = "eu.amazon.nova-2-lite-v1:0";
constexpr const char* claude = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";

std::vector<aws::EventMessage> events_of(const std::string& body) {
  aws::EventStreamDecoder decoder;
  decoder.feed(body);
  std::vector<aws::EventMessage> out;
  for (;;) {
    auto next = decoder.next();
    EXPECT_TRUE(next.has_value());
    if (!next || !*next) break;
    out.push_back(**std::move(next));
  }
  EXPECT_TRUE(decoder.empty());
  return out;
}

std::string inference_region(const json::object& record) {
  return std::string(record.at("additionalEventData").at("inferenceRegion").as_string());
}

TEST(Gateway, ARequestIsServedAtItsSourceAndRecordedOnce) {
  TestDeployment eu;
  const auto reply = eu.converse("eu-south-1", nova);
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(reply->header("x-tidegate-inference-region"), "eu-south-1");
  EXPECT_EQ(reply->header("x-tidegate-route-reason"), "source_first");
  EXPECT_EQ(reply->header("x-tidegate-model"), "tiny-test-model");
  EXPECT_TRUE(reply->body.contains("hello from eu-south-1"));
  EXPECT_EQ(reply->header("content-length"), std::to_string(reply->body.size()));
  const auto records = eu.records("eu-south-1");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].at("requestID").as_string(), reply->header("x-amzn-requestid"));
  EXPECT_EQ(inference_region(records[0]), "eu-south-1");
  EXPECT_EQ(json::serialize(records[0]).find("Hello"), std::string::npos)
      << "no prompt in the record";
  for (const char* other : {"eu-central-1", "eu-west-1", "eu-west-2"})
    EXPECT_TRUE(eu.records(other).empty()) << other;
}

TEST(Gateway, AFullSourceSpillsInsideTheRowAndTheSourceRecordsIt) {
  TestDeployment eu;
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 6; ++i) replies.push_back(eu.converse("eu-south-1", nova, i % 2));
  ASSERT_TRUE(eu.run_until_done(replies));
  std::map<std::string, int> where;
  for (const auto& reply : replies) {
    EXPECT_EQ(reply->status, 200) << reply->body;
    ++where[reply->header("x-tidegate-inference-region")];
    EXPECT_TRUE(reply->body.contains("hello from " + reply->header("x-tidegate-inference-region")));
    EXPECT_EQ(reply->header("content-length"), std::to_string(reply->body.size()));
  }
  EXPECT_EQ(where["eu-south-1"], 2);
  EXPECT_EQ(where["eu-central-1"] + where["eu-west-1"], 4);
  EXPECT_EQ(where.count("eu-west-2"), 0u);
  EXPECT_TRUE(eu.at("eu-west-2").model->bodies.empty());
  const auto records = eu.records("eu-south-1");
  ASSERT_EQ(records.size(), 6u);
  std::map<std::string, int> recorded;
  for (const auto& record : records) ++recorded[inference_region(record)];
  EXPECT_EQ(recorded, where);
  EXPECT_TRUE(eu.records("eu-central-1").empty());
}

TEST(Gateway, StreamsArriveWholeFromAbroad) {
  TestDeployment eu;
  const std::vector<std::shared_ptr<Reply>> busy{eu.converse("eu-south-1", nova, 0),
                                                 eu.converse("eu-south-1", nova, 1)};
  eu.run_for(5ms);
  const auto stream = eu.converse("eu-south-1", nova, 0, "Hello", true);
  ASSERT_TRUE(eu.run_until_done({stream}));
  EXPECT_EQ(stream->status, 200);
  EXPECT_NE(stream->header("x-tidegate-inference-region"), "eu-south-1");
  EXPECT_EQ(stream->header("x-tidegate-model"), "tiny-test-model");
  const auto events = events_of(stream->body);
  ASSERT_GE(events.size(), 4u);
  EXPECT_EQ(events.front().string_header(":event-type"), "messageStart");
  EXPECT_EQ(events.back().string_header(":event-type"), "metadata");
  EXPECT_TRUE(events.back().payload.contains("\"outputTokens\":5"));
}

TEST(Gateway, MoreThanTheRowCanServeWaitsAndIsThenServed) {
  TestDeployment eu;
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 40; ++i) replies.push_back(eu.converse("eu-south-1", nova, i % 2));
  ASSERT_TRUE(eu.run_until_done(replies));
  for (const auto& reply : replies) EXPECT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(eu.records("eu-south-1").size(), 40u);
}

TEST(Gateway, AWaitIsBoundedAndAnswers503WithBothHints) {
  TestDeployment eu;
  for (const char* region : {"eu-south-1", "eu-central-1", "eu-west-1"})
    eu.at(region).model->think = 50s;
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 7; ++i) replies.push_back(eu.converse("eu-south-1", nova, i % 2));
  eu.run_for(11500ms);
  int refused = 0;
  for (const auto& reply : replies) {
    if (!reply->done) continue;
    ++refused;
    EXPECT_EQ(reply->status, 503);
    EXPECT_EQ(reply->header("x-amzn-errortype"), "ServiceUnavailableException");
    EXPECT_FALSE(reply->header("retry-after").empty());
    EXPECT_FALSE(reply->header("x-amz-retry-after").empty());
    EXPECT_EQ(reply->header("x-tidegate-inference-region"), "none");
  }
  EXPECT_EQ(refused, 1);
  ASSERT_EQ(eu.records("eu-south-1").size(), 1u);
  EXPECT_EQ(inference_region(eu.records("eu-south-1")[0]), "none");
}

TEST(Gateway, ADeadModelServerCostsNobodyAnError) {
  TestDeployment eu;
  eu.at("eu-south-1").model->fail_with_status = 500;
  const auto reply = eu.converse("eu-south-1", nova);
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(reply->header("x-tidegate-route-reason"), "retry");
  const auto records = eu.records("eu-south-1");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].at("tidegate").at("attempts").as_array().size(), 2u);
}

TEST(Gateway, AKilledPeerCostsNobodyWhoHadNoByteYetAnError) {
  TestDeployment eu;
  for (const char* region : {"eu-south-1", "eu-central-1", "eu-west-1"})
    eu.at(region).model->think = 500ms;
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 6; ++i) replies.push_back(eu.converse("eu-south-1", nova, i % 2));
  eu.run_for(100ms);
  eu.kill_gateway("eu-central-1");
  ASSERT_TRUE(eu.run_until_done(replies));
  for (const auto& reply : replies) {
    EXPECT_EQ(reply->status, 200) << reply->body;
    EXPECT_NE(reply->header("x-tidegate-inference-region"), "eu-central-1");
  }
}

TEST(Gateway, AStreamThatBreaksEndsWithATypedExceptionAndIsNotRunAgain) {
  TestDeployment eu;
  eu.at("eu-central-1").model->words = eu.at("eu-west-1").model->words = 1000;
  const std::vector<std::shared_ptr<Reply>> busy{eu.converse("eu-south-1", nova, 0),
                                                 eu.converse("eu-south-1", nova, 1)};
  for (auto& region : {"eu-south-1"}) eu.at(region).model->think = 50s;
  eu.run_for(5ms);
  const auto stream = eu.converse("eu-south-1", nova, 0, "Hello", true);
  eu.run_for(400ms);
  const std::string where = stream->header("x-tidegate-inference-region");
  ASSERT_TRUE(where == "eu-central-1" || where == "eu-west-1") << where;
  eu.kill_gateway(where);
  ASSERT_TRUE(eu.run_until_done({stream}));
  const auto events = events_of(stream->body);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().string_header(":message-type"), "exception");
  EXPECT_FALSE(stream->error) << "the stream itself ends properly";
  bool found = false;
  for (const auto& record : eu.records("eu-south-1")) {
    if (record.at("requestID").as_string() != stream->header("x-amzn-requestid")) continue;
    found = true;
    EXPECT_EQ(inference_region(record), where);
    EXPECT_EQ(record.at("tidegate").at("attempts").as_array().size(), 1u);
  }
  EXPECT_TRUE(found);
}

TEST(Gateway, AClientThatHangsUpCancelsTheWorkAtHomeAndAbroad) {
  TestDeployment eu;
  for (auto& [name, region] : eu.regions) region->model->think = 20s;
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 4; ++i) replies.push_back(eu.converse("eu-south-1", nova, i % 2));
  eu.run_for(200ms);
  for (const auto& reply : replies) eu.hang_up(reply);
  eu.run_for(2s);
  EXPECT_EQ(eu.at("eu-south-1").model->cancelled, 2);
  EXPECT_EQ(eu.at("eu-central-1").model->cancelled + eu.at("eu-west-1").model->cancelled, 2);
  const auto records = eu.records("eu-south-1");
  ASSERT_EQ(records.size(), 4u);
  for (const auto& record : records)
    EXPECT_EQ(record.at("tidegate").at("outcome").as_string(), "Cancelled");
  for (auto& [name, region] : eu.regions)
    EXPECT_EQ(region->region->models().backends()[0]->busy(), 0u) << name;
}

TEST(Gateway, LondonIsASourceOfItsOwnRowAndNobodysDestination) {
  TestDeployment eu;
  const auto no_row = eu.converse("eu-west-2", nova);
  const auto own_row = eu.converse("eu-west-2", claude);
  ASSERT_TRUE(eu.run_until_done({no_row, own_row}));
  EXPECT_EQ(no_row->status, 400);
  EXPECT_TRUE(no_row->body.contains("The provided model identifier is invalid."));
  EXPECT_EQ(own_row->status, 200);
  EXPECT_EQ(own_row->header("x-tidegate-inference-region"), "eu-west-2");
  // Nobody dials London, and London dials its destinations.
  for (auto& [name, region] : eu.regions) {
    for (const auto& peer : region->region->destinations_to_dial())
      EXPECT_NE(peer.region.str(), "eu-west-2") << name;
  }
  EXPECT_EQ(eu.at("eu-west-2").region->destinations_to_dial().size(), 3u);
}

TEST(Gateway, RefusalsCarryAwsWordsAndAreRecorded) {
  struct Case {
    std::string model;
    int status;
    std::string type, words;
  };
  const Case cases[] = {
      {"us.amazon.nova-2-lite-v1:0", 400, "ValidationException",
       "The provided model identifier is invalid."},
      {"nothing.at-all", 400, "ValidationException", "The provided model identifier is invalid."},
      {"anthropic.claude-opus-4-5-20251101-v1:0", 400, "ValidationException",
       "with on-demand throughput isn\u2019t supported."},
      {"global.amazon.nova-2-lite-v1:0", 403, "AccessDeniedException",
       "global inference profiles are off until the operator grants them"},
      {"arn:aws:bedrock:eu-south-1:999999999999:inference-profile/eu.amazon.nova-2-lite-v1:0", 400,
       "ValidationException", "invalid"}};
  TestDeployment eu;
  std::size_t count = 0;
  for (const Case& c : cases) {
    std::string model = c.model;
    for (std::size_t at = 0; (at = model.find('/', at)) != std::string::npos;)
      model.replace(at, 1, "%2F");
    const auto reply = eu.converse("eu-south-1", model);
    ASSERT_TRUE(eu.run_until_done({reply}));
    EXPECT_EQ(reply->status, c.status) << c.model << reply->body;
    EXPECT_EQ(reply->header("x-amzn-errortype"), c.type);
    EXPECT_TRUE(reply->body.contains(c.words)) << reply->body;
    EXPECT_EQ(eu.records("eu-south-1").size(), ++count) << c.model;
  }
  for (const auto& record : eu.records("eu-south-1")) EXPECT_EQ(inference_region(record), "none");
}

TEST(Gateway, PolicyIsDecidedForEveryDestinationDeployedOrNot) {
  // Stockholm is in the row but not deployed here; to deny it denies the profile.
  TestDeployment eu({.policy = R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Action":"bedrock:*","Resource":"*"},
      {"Sid":"NotStockholm","Effect":"Deny","Action":"bedrock:*","Resource":"*",
       "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-north-1"}}}]})"});
  const auto reply = eu.converse("eu-south-1", nova);
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 403);
  EXPECT_TRUE(
      reply->body.contains("arn:aws:bedrock:eu-north-1::foundation-model/amazon.nova-2-lite-v1:0"))
      << reply->body;
  EXPECT_TRUE(reply->body.contains("NotStockholm")) << reply->body;
  for (auto& [name, region] : eu.regions) EXPECT_TRUE(region->model->bodies.empty()) << name;
}

TEST(Gateway, ABareModelIdRunsOnlyAtTheSource) {
  TestDeployment eu;
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 6; ++i)
    replies.push_back(eu.converse("eu-south-1", "amazon.nova-2-lite-v1:0", i % 2));
  ASSERT_TRUE(eu.run_until_done(replies));
  for (const auto& reply : replies) {
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->header("x-tidegate-inference-region"), "eu-south-1");
  }
}

TEST(Gateway, WhatCannotBeRecordedIsNotRun) {
  TestDeployment eu;
  eu.at("eu-south-1").files->fail_appends(1000);
  const auto reply = eu.converse("eu-south-1", nova);
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 503);
  for (auto& [name, region] : eu.regions) EXPECT_TRUE(region->model->bodies.empty()) << name;
}

TEST(Gateway, StrangersAreCountedAndNotWritten) {
  TestDeployment eu;
  const auto reply =
      eu.send("eu-south-1", "POST", "/model/x/converse", "{}", "bedrock", {"AKIANOBODY", "x"});
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 403);
  EXPECT_EQ(reply->header("x-amzn-errortype"), "UnrecognizedClientException");
  EXPECT_TRUE(eu.records("eu-south-1").empty());
  eu.run_for(61s);
  bool counted = false;
  for (const auto& event : eu.service_events("eu-south-1"))
    counted |= json::serialize(event).contains("192.0.2.0/24");
  EXPECT_TRUE(counted);
}

TEST(Gateway, ControlOperationsAnswerAndAreRecorded) {
  TestDeployment eu;
  const auto list = eu.send("eu-south-1", "GET", "/inference-profiles?maxResults=5", "");
  const auto refused = eu.send("eu-south-1", "GET", "/guardrails", "");
  const auto unknown = eu.send("eu-south-1", "GET", "/nothing", "");
  const auto who =
      eu.send("eu-south-1", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", "sts",
              demo_key, 0, {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}});
  ASSERT_TRUE(eu.run_until_done({list, refused, unknown, who}));
  EXPECT_EQ(list->status, 200) << list->body;
  for (const auto& reply : {list, refused, unknown, who})
    EXPECT_EQ(reply->header("content-length"), std::to_string(reply->body.size()));
  EXPECT_EQ(refused->status, 400);
  EXPECT_TRUE(refused->body.contains("ListGuardrails is not offered")) << refused->body;
  EXPECT_EQ(unknown->status, 404);
  EXPECT_EQ(who->status, 200) << who->body;
  EXPECT_TRUE(who->body.contains(demo_arn));
  const auto events =
      eu.send("eu-south-1", "POST", "/", R"({"MaxResults":50})", "cloudtrail", demo_key, 0,
              {{"x-amz-target", "CloudTrail_20131101.LookupEvents"},
               {"content-type", "application/x-amz-json-1.1"}});
  ASSERT_TRUE(eu.run_until_done({events}));
  EXPECT_EQ(events->status, 200) << events->body;
  EXPECT_TRUE(events->body.contains("GetCallerIdentity"));
  EXPECT_TRUE(events->body.contains("ListGuardrails"));
}

TEST(Gateway, HealthAndMetricsNeedNoCredentials) {
  TestDeployment eu;
  const auto health = eu.send("eu-south-1", "GET", "/health", "");
  const auto metrics = eu.send("eu-south-1", "GET", "/metrics", "");
  ASSERT_TRUE(eu.run_until_done({health, metrics}));
  EXPECT_EQ(health->status, 200);
  EXPECT_TRUE(metrics->body.contains("tidegate_peer_link_up"));
}

TEST(Gateway, ATokenIsWorthNothingTwiceAndNothingElsewhere) {
  // What a lying source could do with a link of its own: straight to Frankfurt's peer door.
  TestDeployment eu;
  const auto to_door = [&](const std::string& peer_uri, std::string token, std::string body) {
    auto reply = std::make_shared<Reply>();
    http::ConnectionInfo view{.remote_address = "10.0.0.9",
                              .tls_version = {},
                              .tls_cipher = {},
                              .peer_uri = peer_uri,
                              .link_key = HmacKey(std::string(32, 's'))};
    auto channel = std::make_shared<http::MemoryChannel>(
        eu.loop, eu.at("eu-central-1").workers[0].worker->peer_handler(), view, view, 1ms);
    spawn([](std::shared_ptr<http::MemoryChannel> c, std::string t, std::string b,
             std::shared_ptr<Reply> r) -> Task<void> {
      auto sent =
          co_await c->send({.method = "POST",
                            .target = std::string(peer::execute_path),
                            .headers = {},
                            .body = b,
                            .front = peer::request_front(t, "00-" + std::string(32, '1') + '-' +
                                                                std::string(16, '2') + "-00")},
                           {.connect = 9s, .first_byte = 9s, .idle = 9s}, nullptr);
      auto head = co_await (*sent)->head();
      r->status = head->status;
      r->headers = head->headers;
      while (auto piece = co_await (*sent)->next_body()) {
        if (piece->empty()) break;
        r->body += *piece;
      }
      r->done = true;
    }(channel, std::move(token), std::move(body), reply));
    EXPECT_TRUE(eu.run_until_done({reply}));
    return reply;
  };
  const std::string body = R"({"messages":[{"role":"user","content":[{"text":"canary-8121"}]}]})";
  const auto& catalog = *catalog::Catalog::built_in();
  const catalog::Row& row = *catalog.profile(nova)->row(catalog::RegionId("eu-south-1"));
  peer::RoutingToken token{.jti = "1",
                           .request_id = "r",
                           .source = "eu-south-1",
                           .destination = "eu-central-1",
                           .profile = nova,
                           .profile_version = 1,
                           .row_hash = row.digest(),
                           .subset = {},
                           .operation = "Converse",
                           .model_id = "amazon.nova-2-lite-v1:0",
                           .body_sha256 = sha256(body),
                           .principal_hash = sha256(demo_arn),
                           .expires_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                             eu.loop.clock().wall().time_since_epoch())
                                             .count() +
                                         30'000};
  const std::string wire = peer::TokenSigner(catalog::Catalog::built_in())
                               .sign(token, HmacKey(std::string(32, 's')))
                               ->bytes;
  const std::string other_link = peer::TokenSigner(catalog::Catalog::built_in())
                                     .sign(token, HmacKey(std::string(32, 't')))
                                     ->bytes;
  const std::string milan = "spiffe://eu-south-1.test.internal/gw/1";

  EXPECT_EQ(to_door(milan, wire, body)->status, 200);
  const std::size_t bodies = eu.at("eu-central-1").model->bodies.size();
  EXPECT_EQ(to_door(milan, wire, body)->status, 403) << "replayed";
  EXPECT_EQ(to_door(milan, other_link, body)->status, 403) << "another link's";
  EXPECT_EQ(to_door(milan, "", body)->status, 403) << "none";
  EXPECT_EQ(to_door("spiffe://eu-west-2.test.internal/gw/1", wire, body)->status, 403)
      << "another Region's";
  EXPECT_EQ(to_door("spiffe://us-east-1.test.internal/gw/1", wire, body)->status, 403)
      << "a stranger's";
  EXPECT_EQ(to_door("", wire, body)->status, 403) << "no certificate";
  EXPECT_EQ(eu.at("eu-central-1").model->bodies.size(), bodies) << "no payload reached a model";
  std::size_t violations = 0;
  for (const auto& event : eu.service_events("eu-central-1"))
    violations += json::serialize(event).contains("GeofenceViolation");
  EXPECT_GE(violations, 6u);
}

TEST(Trace, ContinuesAValidTraceAndBeginsOneOtherwise) {
  SeededRng rng(1);
  const std::string incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const std::string ours = continue_trace(incoming, rng);
  EXPECT_EQ(trace_id(ours), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_NE(ours, incoming);
  EXPECT_TRUE(ours.ends_with("-01"));
  for (const char* bad : {"", "00-0-0-0", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                          "01-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
    EXPECT_EQ(continue_trace(bad, rng).size(), 55u) << bad;
  }
}

}  // namespace
}  // namespace tidegate::gateway
