// Calls with an API key, at every door: the same pipeline, one more permission, and records that
// name the key by its id.
#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

const std::string model = "eu.amazon.nova-2-lite-v1:0";
const std::string converse_body = R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})";
const std::string chat_body =
    R"({"model":")" + model + R"(","messages":[{"role":"user","content":"Hi"}]})";
const std::string messages_body =
    R"({"model":")" + model + R"(","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]})";

struct Door {
  std::string path, body;
  http::Headers credentials;
};

std::vector<Door> doors(const std::string& key) {
  const http::Headers bearer{{"authorization", "Bearer " + key}};
  return {{"/model/eu.amazon.nova-2-lite-v1%3A0/converse", converse_body, bearer},
          {"/openai/v1/chat/completions", chat_body, bearer},
          {"/v1/chat/completions", chat_body, bearer},
          {"/anthropic/v1/messages", messages_body, bearer},
          {"/anthropic/v1/messages", messages_body, {{"x-api-key", key}}}};
}

std::shared_ptr<Reply> knock(TestDeployment& eu, const Door& door) {
  auto reply =
      eu.send("eu-south-1", "POST", door.path, door.body, "bedrock", demo_key, 0, door.credentials);
  EXPECT_TRUE(eu.run_until_done({reply})) << door.path;
  return reply;
}

TEST(ApiKeys, OpenEveryDoorAndAreRecordedByTheirId) {
  TestDeployment eu;
  std::size_t count = 0;
  for (const Door& door : doors(demo_api_key)) {
    const auto reply = knock(eu, door);
    EXPECT_EQ(reply->status, 200) << door.path << reply->body;
    const auto records = eu.records("eu-south-1");
    ASSERT_EQ(records.size(), ++count);
    const json::object& who = *json::find_object(records.front(), "userIdentity");
    EXPECT_EQ(json::find_string(who, "arn"), demo_arn);
    EXPECT_EQ(json::find_string(who, "credentialId"), identity::api_key_id(sha256(demo_api_key)));
    EXPECT_FALSE(json::find(who, "accessKeyId"));
    EXPECT_EQ(json::find_bool(*json::find_object(records.front(), "additionalEventData"),
                              "callWithBearerToken"),
              true);
    EXPECT_FALSE(json::serialize(records.front()).contains(demo_api_key));
  }
  const auto list = eu.send("eu-south-1", "GET", "/inference-profiles", "", "bedrock", demo_key, 0,
                            {{"authorization", "Bearer " + demo_api_key}});
  ASSERT_TRUE(eu.run_until_done({list}));
  EXPECT_EQ(list->status, 200) << list->body;
}

TEST(ApiKeys, AWrongOneIsRefusedInTheWordsOfItsDoor) {
  TestDeployment eu;
  const std::pair<int, std::string> expected[] = {
      {403, R"({"Message":"Authentication failed: Please make sure your API Key is valid.)"},
      {401, R"({"error":{"message":"Incorrect API key provided.)"},
      {401, R"({"error":{"message":"Incorrect API key provided.)"},
      {401, R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-)"},
      {401, R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-)"}};
  const auto wrong = doors("tgk_wrong");
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    const auto reply = knock(eu, wrong[i]);
    EXPECT_EQ(reply->status, expected[i].first) << reply->body;
    EXPECT_TRUE(reply->body.starts_with(expected[i].second)) << reply->body;
  }
  EXPECT_TRUE(eu.records("eu-south-1").empty());
  for (auto& [name, region] : eu.regions) EXPECT_TRUE(region->model->bodies.empty()) << name;
}

TEST(ApiKeys, EndAtTheirTime) {
  TestDeployment eu;
  eu.run_for(std::chrono::minutes(2));
  const auto reply = knock(eu, doors(demo_api_key).front());
  EXPECT_EQ(reply->status, 403);
  EXPECT_TRUE(reply->body.contains("Bearer Token has expired")) << reply->body;
}

TEST(ApiKeys, NeedThePermissionToCallWithOneAsWell) {
  struct Row {
    std::string policy, words;
  };
  const Row rows[] = {
      {R"({"Version":"2012-10-17","Statement":
          {"Effect":"Allow","Action":"bedrock:Invoke*","Resource":"*"}})",
       "because no identity-based policy allows the bedrock:CallWithBearerToken action"},
      {R"({"Version":"2012-10-17","Statement":[
          {"Effect":"Allow","Action":"bedrock:*","Resource":"*"},
          {"Effect":"Deny","Action":"bedrock:CallWithBearerToken","Resource":"*",
           "Condition":{"StringEquals":{"bedrock:BearerTokenType":"LONG_TERM"}}}]})",
       "with an explicit deny in an identity-based policy: demo"}};
  for (const Row& row : rows) {
    TestDeployment eu({.policy = row.policy});
    const auto refused = knock(eu, doors(demo_api_key).front());
    EXPECT_EQ(refused->status, 403);
    EXPECT_TRUE(refused->body.contains(row.words)) << refused->body;
    EXPECT_EQ(eu.records("eu-south-1").size(), 1u);
    const auto list = eu.send("eu-south-1", "GET", "/inference-profiles", "", "bedrock", demo_key,
                              0, {{"authorization", "Bearer " + demo_api_key}});
    const auto is_signed = eu.converse("eu-south-1", model);
    ASSERT_TRUE(eu.run_until_done({list, is_signed}));
    EXPECT_EQ(list->status, 403) << list->body;
    EXPECT_EQ(is_signed->status, 200) << is_signed->body;
  }
}

TEST(ApiKeys, AreNotCredentialsOfOtherServices) {
  TestDeployment eu;
  const auto reply =
      eu.send("eu-south-1", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", "sts",
              demo_key, 0, {{"authorization", "Bearer " + demo_api_key}});
  ASSERT_TRUE(eu.run_until_done({reply}));
  EXPECT_EQ(reply->status, 403);
  EXPECT_TRUE(reply->body.contains("MissingAuthenticationToken")) << reply->body;
}

}  // namespace
}  // namespace tidegate::gateway
