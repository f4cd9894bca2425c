// Application inference profiles through the whole pipeline: made at one worker, used at once at
// another, in every form in which a model can be named.
#include <gtest/gtest.h>

#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

const std::string account = "111122223333";
const std::string nova = "eu.amazon.nova-2-lite-v1:0";
const std::string model = "amazon.nova-2-lite-v1:0";
const std::string here = "arn:aws:bedrock:eu-south-1:" + account + ":";
const std::string of_profile = here + "inference-profile/" + nova;
const std::string of_model = "arn:aws:bedrock:eu-south-1::foundation-model/" + model;
const std::string own = here + "application-inference-profile/";

std::string encoded(std::string text) {
  for (const auto& [plain, escaped] : {std::pair{':', "%3A"}, std::pair{'/', "%2F"}}) {
    for (std::size_t at = 0; (at = text.find(plain, at)) != std::string::npos; at += 3)
      text.replace(at, 1, escaped);
  }
  return text;
}

std::string body(std::string_view copy_from, std::string_view more = "") {
  return fmt::format(R"({{"inferenceProfileName":"Team A","modelSource":{{"copyFrom":"{}"}}{}}})",
                     copy_from, more);
}
std::string with_id(std::string_view id) {
  return fmt::format(R"(,"tags":[{{"key":"tidegate:id","value":"{}"}}])", id);
}

class Profiles {
 public:
  explicit Profiles(TestDeployment::Options options = {}) : eu(std::move(options)) {}

  std::shared_ptr<Reply> call(const std::string& method, const std::string& target,
                              const std::string& text = "", int worker = 0,
                              const std::string& region = "eu-south-1") {
    auto reply = eu.send(region, method, target, text, "bedrock", demo_key, worker);
    EXPECT_TRUE(eu.run_until_done({reply}));
    return reply;
  }
  // The ARN, or what went wrong.
  std::string create(const std::string& text, int worker = 0) {
    const auto reply = call("POST", "/inference-profiles", text, worker);
    if (reply->status != 201) return reply->header("x-amzn-errortype");
    return std::string(json::parse(reply->body)->at("inferenceProfileArn").as_string());
  }
  std::shared_ptr<Reply> ask(const std::string& reference, int worker = 0,
                             const std::string& region = "eu-south-1") {
    auto reply = eu.converse(region, encoded(reference), worker);
    EXPECT_TRUE(eu.run_until_done({reply}));
    return reply;
  }
  std::string tags(const std::string& arn, int worker = 0) {
    return call("POST", "/listTagsForResource", R"({"resourceARN":")" + arn + R"("})", worker)
        ->body;
  }

  TestDeployment eu;
};

json::object last_record(TestDeployment& eu) {
  const auto records = eu.records("eu-south-1");
  return records.empty() ? json::object() : records.front();
}

TEST(ApplicationProfiles, AreUsedAtOnceOnEveryWorkerByArnAndById) {
  Profiles p;
  const std::string arn = p.create(body(of_profile), 0);
  ASSERT_TRUE(arn.starts_with(own)) << arn;
  const std::string id = arn.substr(own.size());
  EXPECT_EQ(id.size(), 12u);
  EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos);
  for (const std::string& reference : {arn, id}) {
    const auto reply = p.ask(reference, 1);
    EXPECT_EQ(reply->status, 200) << reply->body;
    EXPECT_EQ(reply->header("x-tidegate-inference-region"), "eu-south-1");
    const auto record = last_record(p.eu);
    EXPECT_EQ(record.at("tidegate").at("applicationProfileArn").as_string(), arn);
    EXPECT_EQ(record.at("tidegate").at("profile").at("id").as_string(), nova);
    EXPECT_EQ(record.at("requestParameters").at("modelId").as_string(), reference);
  }
}

TEST(ApplicationProfiles, OfAProfileSpillInsideItsRowAndOfAModelStayAtHome) {
  Profiles p;
  const std::string wide = p.create(body(of_profile, with_id("team-a.amazon.nova-2-lite")));
  EXPECT_EQ(wide, own + "team-a.amazon.nova-2-lite");
  const std::string narrow = p.create(body(of_model));
  for (const auto& [reference, may_spill] : {std::pair{wide, true}, std::pair{narrow, false}}) {
    std::vector<std::shared_ptr<Reply>> replies;
    for (int i = 0; i < 6; ++i)
      replies.push_back(p.eu.converse("eu-south-1", encoded(reference), i % 2));
    ASSERT_TRUE(p.eu.run_until_done(replies));
    int abroad = 0;
    for (const auto& reply : replies) {
      EXPECT_EQ(reply->status, 200) << reply->body;
      abroad += reply->header("x-tidegate-inference-region") == "eu-south-1" ? 0 : 1;
    }
    EXPECT_EQ(abroad > 0, may_spill) << reference;
  }
  EXPECT_TRUE(p.eu.at("eu-west-2").model->bodies.empty());
}

TEST(ApplicationProfiles, NobodyElsesAreFoundAndNoneIsFoundElsewhere) {
  Profiles p;
  const std::string arn = p.create(body(of_profile, with_id("mine")));
  const std::pair<std::string, std::string> cases[] = {
      {"arn:aws:bedrock:eu-south-1:999999999999:application-inference-profile/mine", "eu-south-1"},
      {"arn:aws:bedrock:eu-west-1:111122223333:application-inference-profile/mine", "eu-south-1"},
      {here + "inference-profile/mine", "eu-south-1"},
      {own + "no-such", "eu-south-1"},
      {"no-such", "eu-south-1"},
      {arn, "eu-central-1"},
      {"mine", "eu-central-1"}};
  for (const auto& [reference, region] : cases) {
    const auto reply = p.ask(reference, 0, region);
    EXPECT_EQ(reply->status, 400) << reference << reply->body;
    EXPECT_EQ(reply->header("x-amzn-errortype"), "ValidationException");
    EXPECT_TRUE(reply->body.contains("The provided model identifier is invalid.")) << reply->body;
  }
}

TEST(ApplicationProfiles, TheSameTokenMakesOneProfile) {
  Profiles p;
  const std::string token = R"(,"clientRequestToken":"t-1")";
  const std::string arn = p.create(body(of_profile, token), 0);
  EXPECT_EQ(p.create(body(of_profile, token), 1), arn);
  EXPECT_EQ(p.create(body(of_model, token)), "ConflictException");
  EXPECT_NE(p.create(body(of_profile)), p.create(body(of_profile))) << "without one, each is new";
  // Changed tags are not another request; a deleted profile is forgotten with its token.
  const std::string resource = R"({"resourceARN":")" + arn + R"(")";
  EXPECT_EQ(
      p.call("POST", "/tagResource", resource + R"(,"tags":[{"key":"a","value":"1"}]})")->status,
      200);
  EXPECT_EQ(p.create(body(of_profile, token)), arn);
  EXPECT_EQ(p.call("DELETE", "/inference-profiles/" + encoded(arn))->body, "{}");
  const std::string again = p.create(body(of_profile, token));
  EXPECT_TRUE(again.starts_with(own)) << again;
  EXPECT_NE(again, arn);
}

TEST(ApplicationProfiles, AChosenIdMustBeFree) {
  Profiles p;
  ASSERT_EQ(p.create(body(of_profile, with_id("team-a"))), own + "team-a");
  EXPECT_EQ(p.create(body(of_profile, with_id("team-a"))), "ConflictException");
  EXPECT_EQ(p.create(body(of_profile, with_id(nova))), "ValidationException");
  EXPECT_EQ(p.create(body(of_profile, with_id("a/b"))), "ValidationException");
  EXPECT_EQ(p.call("DELETE", "/inference-profiles/team-a")->status, 200);
  EXPECT_EQ(p.create(body(of_model, with_id("team-a"))), own + "team-a");
  EXPECT_EQ(p.ask(own + "team-a")->status, 200);
}

TEST(ApplicationProfiles, AreListedReadTaggedAndDeleted) {
  Profiles p;
  const std::string arn = p.create(body(of_profile, with_id("team-a")), 0);
  const auto list = p.call("GET", "/inference-profiles?type=APPLICATION", "", 1);
  EXPECT_TRUE(list->body.contains(arn)) << list->body;
  const auto get = p.call("GET", "/inference-profiles/team-a", "", 1);
  EXPECT_EQ(get->header("x-tidegate-model"), "tiny-test-model");
  const auto profile = json::parse(get->body)->get_object();
  EXPECT_EQ(profile.at("type").as_string(), "APPLICATION");
  EXPECT_EQ(profile.at("models").as_array().size(), 6u);
  EXPECT_EQ(profile.at("createdAt"), profile.at("updatedAt"));

  p.eu.run_for(5s);
  const std::string resource = R"({"resourceARN":")" + arn + R"(")";
  EXPECT_EQ(p.call("POST", "/tagResource", resource + R"(,"tags":[{"key":"cost","value":"7"}]})", 0)
                ->body,
            "{}");
  EXPECT_EQ(p.tags(arn, 1),
            R"({"tags":[{"key":"cost","value":"7"},{"key":"tidegate:id","value":"team-a"}]})");
  const auto later = json::parse(p.call("GET", "/inference-profiles/team-a")->body)->get_object();
  EXPECT_EQ(later.at("createdAt"), profile.at("createdAt"));
  EXPECT_GT(later.at("updatedAt").as_string(), profile.at("updatedAt").as_string());
  EXPECT_EQ(p.call("POST", "/untagResource", resource + R"(,"tagKeys":["cost"]})", 1)->body, "{}");
  EXPECT_EQ(p.tags(arn), R"({"tags":[{"key":"tidegate:id","value":"team-a"}]})");
  EXPECT_EQ(p.call("POST", "/untagResource", resource + R"(,"tagKeys":["tidegate:id"]})")->status,
            400);

  EXPECT_EQ(p.call("DELETE", "/inference-profiles/" + encoded(nova))->status, 400);
  EXPECT_EQ(p.call("DELETE", "/inference-profiles/no-such")->status, 404);
  EXPECT_EQ(p.call("DELETE", "/inference-profiles/" + encoded(arn), "", 1)->status, 200);
  EXPECT_EQ(p.call("DELETE", "/inference-profiles/" + encoded(arn), "", 0)->status, 404);
  EXPECT_EQ(p.ask(arn)->status, 400);
  EXPECT_EQ(p.call("GET", "/inference-profiles/team-a")->status, 404);
  EXPECT_TRUE(p.tags(arn).contains("could not be found"));
}

TEST(ApplicationProfiles, EveryChangeIsRecordedWithoutItsDescription) {
  Profiles p;
  const std::string arn = p.create(body(of_profile, R"(,"description":"for:project.x")"));
  auto record = last_record(p.eu);
  EXPECT_EQ(record.at("eventName").as_string(), "CreateInferenceProfile");
  EXPECT_EQ(record.at("readOnly"), json::value(false));
  EXPECT_EQ(record.at("requestParameters").at("modelSource").at("copyFrom").as_string(),
            of_profile);
  EXPECT_TRUE(json::serialize(record).contains(arn));
  EXPECT_FALSE(json::serialize(record).contains("project.x"));
  p.tags(arn);
  record = last_record(p.eu);
  EXPECT_EQ(record.at("readOnly"), json::value(true));
  EXPECT_EQ(record.at("requestParameters").at("resourceARN").as_string(), arn);
  p.call("DELETE", "/inference-profiles/" + encoded(arn));
  EXPECT_EQ(last_record(p.eu).at("eventName").as_string(), "DeleteInferenceProfile");
}

TEST(ApplicationProfiles, AFullAccountIsToldSo) {
  Profiles p;
  for (std::size_t i = 0; i < limits::application_profiles_max; ++i) {
    api::ApplicationProfile profile;
    profile.account = account;
    profile.id = "p" + std::to_string(i);
    ASSERT_TRUE(p.eu.at("eu-south-1").region->application_profiles().create(profile));
  }
  EXPECT_EQ(p.create(body(of_profile)), "ServiceQuotaExceededException");
  EXPECT_EQ(p.call("DELETE", "/inference-profiles/p7")->status, 200);
  EXPECT_TRUE(p.create(body(of_profile)).starts_with(own));
}

TEST(ApplicationProfiles, WhatIsNotOnDiskDidNotHappenAndWhatIsSurvives) {
  Profiles p;
  auto& milan = p.eu.at("eu-south-1");
  const std::string arn = p.create(body(of_profile, with_id("kept")));
  milan.profiles.broken = true;
  EXPECT_EQ(p.create(body(of_profile, with_id("lost"))), "ServiceUnavailableException");
  EXPECT_EQ(p.call("DELETE", "/inference-profiles/kept")->status, 503);
  EXPECT_EQ(p.ask("lost")->status, 400);
  EXPECT_EQ(p.ask(arn)->status, 200);
  milan.profiles.broken = false;
  ApplicationProfileTable restarted(milan.profiles);
  ASSERT_TRUE(restarted.load());
  EXPECT_EQ(restarted.size(), 1u);
  EXPECT_TRUE(restarted.find(account, "kept"));
  EXPECT_FALSE(restarted.find("999999999999", "kept"));
}

// What a policy of the demo user must say.
TEST(ApplicationProfiles, PolicyIsAskedAboutEachResource) {
  const auto policy = [](std::string_view statements) {
    return fmt::format(R"({{"Version":"2012-10-17","Statement":[{}]}})", statements);
  };
  const std::string all = R"({"Effect":"Allow","Action":"*","Resource":"*"})";
  struct Case {
    std::string_view deny;
    std::string_view denied;  // the first operation that is
  };
  // In order: create, create with tags, get, tag, list tags, untag, converse, delete.
  const Case cases[] = {
      {R"("Action":"bedrock:CreateInferenceProfile","Resource":"arn:aws:bedrock:*:*:inference-profile/*")",
       "create"},
      {R"("Action":"bedrock:CreateInferenceProfile","Resource":"arn:aws:bedrock:*:*:application-inference-profile/*")",
       "create"},
      {R"("Action":"bedrock:TagResource","Resource":"*")", "create with tags"},
      {R"("Action":"bedrock:GetInferenceProfile","Resource":"arn:aws:bedrock:*:*:application-inference-profile/team-a")",
       "get"},
      {R"("Action":"bedrock:ListTagsForResource","Resource":"arn:aws:bedrock:*:*:application-inference-profile/team-a")",
       "list tags"},
      {R"("Action":"bedrock:UntagResource","Resource":"arn:aws:bedrock:*:*:application-inference-profile/team-a")",
       "untag"},
      {R"("Action":"bedrock:InvokeModel","Resource":"arn:aws:bedrock:*:*:application-inference-profile/team-a")",
       "converse"},
      {R"("Action":"bedrock:InvokeModel","Resource":"*","Condition":{"ArnLike":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:*:*:application-inference-profile/*"}})",
       "converse"},
      {R"("Action":"bedrock:InvokeModel","Resource":"arn:aws:bedrock:eu-west-3::foundation-model/*")",
       "converse"},
      {R"("Action":"bedrock:InvokeModel","Resource":"arn:aws:bedrock:*:*:inference-profile/*")",
       ""},  // the profile that it copies is not asked about again
      {R"("Action":"bedrock:DeleteInferenceProfile","Resource":"arn:aws:bedrock:*:*:application-inference-profile/team-a")",
       "delete"}};
  for (const Case& c : cases) {
    TestDeployment::Options options;
    options.regions = {"eu-south-1"};
    options.policy = policy(all + R"(,{"Effect":"Deny",)" + std::string(c.deny) + "}");
    Profiles p(std::move(options));
    std::string denied;
    const auto note = [&](std::string_view operation, const std::shared_ptr<Reply>& reply) {
      if (!denied.empty()) return;
      if (reply->status == 403) {
        denied = operation;
      } else {
        EXPECT_LT(reply->status, 300) << operation << c.deny << reply->body;
      }
    };
    const std::string arn = own + "team-a";
    const std::string resource = R"({"resourceARN":")" + arn + R"(")";
    note("create", p.call("POST", "/inference-profiles", body(of_profile)));
    note("create with tags",
         p.call("POST", "/inference-profiles", body(of_profile, with_id("team-a"))));
    note("get", p.call("GET", "/inference-profiles/team-a"));
    note("tag", p.call("POST", "/tagResource", resource + R"(,"tags":[]})"));
    note("list tags", p.call("POST", "/listTagsForResource", resource + "}"));
    note("untag", p.call("POST", "/untagResource", resource + R"(,"tagKeys":[]})"));
    note("converse", p.ask(arn));
    note("delete", p.call("DELETE", "/inference-profiles/team-a"));
    EXPECT_EQ(denied, c.denied) << c.deny;
  }
}

TEST(ApplicationProfiles, CopiesOfGlobalProfilesNeedTheOperatorsGrant) {
  const std::string global = here + "inference-profile/global.amazon.nova-2-lite-v1:0";
  Profiles off;
  const auto refused = off.ask(off.create(body(global)));
  EXPECT_EQ(refused->status, 403) << refused->body;
  TestDeployment::Options options;
  options.global_profiles = GlobalProfiles::on;
  Profiles on(std::move(options));
  EXPECT_EQ(on.ask(on.create(body(global)))->status, 200);
}

TEST(FoundationModelAvailability, SaysWhatThisCallerMayUse) {
  const auto ask = [](std::string policy) {
    TestDeployment::Options options;
    options.regions = {"eu-south-1"};
    options.policy = std::move(policy);
    Profiles p(std::move(options));
    return p.call("GET", "/foundation-model-availability/" + encoded(model))->body;
  };
  const std::string allow = R"({"Effect":"Allow","Action":"bedrock:*","Resource":"*"})";
  EXPECT_TRUE(ask(R"({"Version":"2012-10-17","Statement":[)" + allow + "]}")
                  .contains(R"("authorizationStatus":"AUTHORIZED")"));
  EXPECT_TRUE(
      ask(R"({"Version":"2012-10-17","Statement":[)" + allow +
          R"(,{"Effect":"Deny","Action":"bedrock:InvokeModel","Resource":"arn:aws:bedrock:*::foundation-model/*"}]})")
          .contains(R"("authorizationStatus":"NOT_AUTHORIZED")"));
}

}  // namespace
}  // namespace tidegate::gateway
