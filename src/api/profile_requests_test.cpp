// Bodies of the operations on application inference profiles, member by member.
#include "api/profile_requests.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace tidegate::api {
namespace {

const catalog::RegionId milan{"eu-south-1"};
BedrockView view() {
  return {*catalog::Catalog::built_in(), milan, "111122223333",
          [](std::string_view id) { return id == "amazon.nova-2-lite-v1:0"; }, WallTime{}};
}
const std::string source =
    "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.amazon.nova-2-lite-v1:0";
const std::string own = "arn:aws:bedrock:eu-south-1:111122223333:application-inference-profile/zzz";

std::string body(std::string_view more = "", std::string_view copy_from = source,
                 std::string_view name = "Team A") {
  return fmt::format(R"({{"inferenceProfileName":"{}","modelSource":{{"copyFrom":"{}"}}{}}})", name,
                     copy_from, more);
}
std::string tags(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += fmt::format(R"({}{{"key":"k{}","value":"v"}})", i ? "," : "", i);
  return R"(,"tags":[)" + out + "]";
}

TEST(CreateInferenceProfile, AllOfIt) {
  const auto request = parse_create_inference_profile(body(
      R"(,"description":"v1.2: for billing","clientRequestToken":"a-1","tags":[
         {"key":"team","value":"a"},{"key":"tidegate:id","value":"team-a.amazon.nova-2-lite"}],"new":1)"));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->name, "Team A");
  EXPECT_EQ(request->description, "v1.2: for billing");
  EXPECT_EQ(request->client_token, "a-1");
  EXPECT_EQ(request->chosen_id, "team-a.amazon.nova-2-lite");
  const auto profile = new_application_profile(view(), *request);
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->id, "team-a.amazon.nova-2-lite");
  EXPECT_EQ(profile->account, "111122223333");
  EXPECT_EQ(profile->profile_id, "eu.amazon.nova-2-lite-v1:0");
  EXPECT_EQ(profile->model_id, "amazon.nova-2-lite-v1:0");
  EXPECT_EQ(profile->tags,
            (std::vector<Tag>{{"team", "a"}, {"tidegate:id", "team-a.amazon.nova-2-lite"}}));
  EXPECT_EQ(create_inference_profile_answer(view(), *profile),
            (json::object{{"inferenceProfileArn",
                           "arn:aws:bedrock:eu-south-1:111122223333:application-inference-profile/"
                           "team-a.amazon.nova-2-lite"},
                          {"status", "ACTIVE"}}));
}

TEST(CreateInferenceProfile, ATagNarrowsTheRow) {
  const auto make = [](std::string_view regions, const std::string& copy_from = source) {
    return new_application_profile(
        view(), *parse_create_inference_profile(body(
                    fmt::format(R"(,"tags":[{{"key":"tidegate:regions","value":"{}"}}])", regions),
                    copy_from)));
  };
  const auto profile = make(" eu-west-1  eu-central-1 ");
  ASSERT_TRUE(profile) << profile.error().message;
  const auto subset = narrowed_row(view(), *profile, profile->tags);
  ASSERT_TRUE(subset && *subset);
  EXPECT_EQ((*subset)->names(), "eu-central-1 eu-west-1");
  for (const char* wrong :
       {"", "eu-west-2", "eu-central-1 us-east-1", "eu-central-1 eu-central-1"}) {
    const auto refused = make(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, ErrorCode::validation);
    EXPECT_TRUE(refused.error().message.contains("tidegate:regions")) << refused.error().message;
    EXPECT_TRUE(refused.error().mend.contains("eu-north-1")) << refused.error().mend;
  }
  const std::string of_model =
      "arn:aws:bedrock:eu-south-1::foundation-model/amazon.nova-2-lite-v1:0";
  EXPECT_TRUE(make("eu-south-1", of_model)) << "a row of one";
  EXPECT_FALSE(make("eu-central-1", of_model));
}

TEST(CreateInferenceProfile, TheHashIsOfAllButTheToken) {
  const auto hash = [](const std::string& text) {
    return new_application_profile(view(), *parse_create_inference_profile(text))->request_hash;
  };
  const std::string same = hash(body(
      R"(,"clientRequestToken":"a","tags":[{"key":"a","value":"1"},{"key":"b","value":"2"}])"));
  EXPECT_EQ(
      hash(body(
          R"(,"clientRequestToken":"b","tags":[{"key":"b","value":"2"},{"key":"a","value":"1"}])")),
      same);
  for (const auto& other :
       {body(), body(R"(,"tags":[{"key":"a","value":"1"},{"key":"b","value":"3"}])"),
        body(R"(,"description":"x","tags":[{"key":"a","value":"1"},{"key":"b","value":"2"}])")})
    EXPECT_NE(hash(other), same);
}

TEST(CreateInferenceProfile, RefusesInAwssWords) {
  struct Case {
    std::string body;
    ErrorCode code;
    std::string_view words;
  };
  constexpr std::string_view pattern =
      "failed to satisfy constraint: Member must satisfy regular "
      "expression pattern: ";
  const std::string name(64, 'n');
  EXPECT_TRUE(parse_create_inference_profile(body("", source, name)));
  EXPECT_TRUE(parse_create_inference_profile(body(tags(limits::tags_max))));
  const Case cases[] = {
      {"", ErrorCode::malformed_json, ""},
      {"[]", ErrorCode::malformed_json, ""},
      {"{}", ErrorCode::validation,
       "Value null at 'inferenceProfileName' failed to satisfy constraint: Member must not be "
       "null"},
      {R"({"inferenceProfileName":"x"})", ErrorCode::validation,
       "Value null at 'modelSource' failed to satisfy constraint: Member must not be null"},
      {R"({"inferenceProfileName":7})", ErrorCode::malformed_json, ""},
      {body("", source, ""), ErrorCode::validation, "length greater than or equal to 1"},
      {body("", source, name + "n"), ErrorCode::validation, "length less than or equal to 64"},
      {body("", source, "two  spaces"), ErrorCode::validation, pattern},
      {body("", source, " a"), ErrorCode::validation, pattern},
      {body("", source, "a.b"), ErrorCode::validation, pattern},
      {body(R"(,"description":"")"), ErrorCode::validation, "'description'"},
      {body(R"(,"description":"a/b")"), ErrorCode::validation, pattern},
      {body(R"(,"clientRequestToken":"-a")"), ErrorCode::validation, "'clientRequestToken'"},
      {body(R"(,"clientRequestToken":"a_b")"), ErrorCode::validation, pattern},
      {body("", "eu.amazon.nova-2-lite-v1:0"), ErrorCode::validation, "'modelSource.copyFrom'"},
      {body("", "arn:aws:s3:::bucket"), ErrorCode::validation, pattern},
      {R"({"inferenceProfileName":"x","modelSource":{}})", ErrorCode::validation,
       "InferenceProfileModelSource"},
      {body(R"(,"tags":{})"), ErrorCode::malformed_json, ""},
      {body(R"(,"tags":[{"key":"a"}])"), ErrorCode::validation, "'tags.1.member.value'"},
      {body(R"(,"tags":[{"key":"","value":""}])"), ErrorCode::validation, "'tags.1.member.key'"},
      {body(R"(,"tags":[{"key":"a*","value":""}])"), ErrorCode::validation, pattern},
      {body(R"(,"tags":[{"key":"a","value":""},{"key":"a","value":"b"}])"), ErrorCode::validation,
       "Tag keys must be unique"},
      {body(R"(,"tags":[{"key":"AWS:x","value":""}])"), ErrorCode::validation, "reserved"},
      {body(tags(limits::tags_max + 1)), ErrorCode::too_many_tags, "51"},
      {body(tags(201)), ErrorCode::validation, "length less than or equal to 200"},
      {body(R"(,"tags":[{"key":"tidegate:id","value":"a/b"}])"), ErrorCode::validation,
       "tidegate:id"},
      {body(R"(,"tags":[{"key":"tidegate:id","value":""}])"), ErrorCode::validation,
       "tidegate:id"}};
  for (const Case& c : cases) {
    const auto request = parse_create_inference_profile(c.body);
    ASSERT_FALSE(request) << c.body;
    EXPECT_EQ(request.error().code, c.code) << c.body << request.error().message;
    EXPECT_TRUE(request.error().message.contains(c.words)) << request.error().message;
  }
}

TEST(CreateInferenceProfile, CopiesOnlyWhatTheCallerHasHere) {
  const auto profile = "arn:aws:bedrock:{}:{}:{}inference-profile/{}";
  const auto model = "arn:aws:bedrock:{}::foundation-model/{}";
  const auto arn = [&](std::string_view region, std::string_view account, std::string_view kind,
                       std::string_view id) {
    return fmt::format(fmt::runtime(profile), region, account, kind, id);
  };
  const std::pair<std::string, ErrorCode> cases[] = {
      {arn("eu-west-1", "111122223333", "", "eu.amazon.nova-2-lite-v1:0"), ErrorCode::validation},
      {arn("eu-south-1", "999999999999", "", "eu.amazon.nova-2-lite-v1:0"), ErrorCode::validation},
      {own, ErrorCode::validation},
      {arn("eu-south-1", "111122223333", "", "eu.no-such"), ErrorCode::resource_not_found},
      {arn("eu-south-1", "111122223333", "", "us.amazon.nova-2-lite-v1:0"),
       ErrorCode::resource_not_found},
      {fmt::format(fmt::runtime(model), "eu-west-1", "amazon.nova-2-lite-v1:0"),
       ErrorCode::validation},
      {fmt::format(fmt::runtime(model), "eu-south-1", "no.such"), ErrorCode::resource_not_found},
      {fmt::format(fmt::runtime(model), "eu-south-1",
                   "anthropic.claude-sonnet-4-5-20250929-v1:0"),  // does not run here by itself
       ErrorCode::validation}};
  for (const auto& [copy_from, code] : cases) {
    const auto request = parse_create_inference_profile(body("", copy_from));
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(new_application_profile(view(), *request).error().code, code) << copy_from;
  }
  const auto of_model = new_application_profile(
      view(), *parse_create_inference_profile(body(
                  "", fmt::format(fmt::runtime(model), "eu-south-1", "amazon.nova-2-lite-v1:0"))));
  ASSERT_TRUE(of_model) << of_model.error().message;
  EXPECT_EQ(of_model->profile_id, "");
  EXPECT_EQ(of_model->model_id, "amazon.nova-2-lite-v1:0");
  // An id of the catalogue would hide what it names.
  for (const char* taken : {"eu.amazon.nova-2-lite-v1:0", "amazon.nova-2-lite-v1:0"}) {
    const auto request = parse_create_inference_profile(
        body(fmt::format(R"(,"tags":[{{"key":"tidegate:id","value":"{}"}}])", taken)));
    EXPECT_EQ(new_application_profile(view(), *request).error().code, ErrorCode::validation);
  }
}

TEST(Tags, RequestsAreReadStrictly) {
  const std::string arn = R"({"resourceARN":")" + own + R"(")";
  EXPECT_EQ(*parse_list_tags_for_resource(arn + "}"), own);
  EXPECT_EQ(
      parse_tag_resource(arn + R"(,"tags":[{"key":"b","value":"1"},{"key":"a","value":""}]})")->set,
      (std::vector<Tag>{{"a", ""}, {"b", "1"}}));
  EXPECT_EQ(parse_untag_resource(arn + R"(,"tagKeys":["a","b"]})")->unset,
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parse_tag_resource(arn + "}").error().code, ErrorCode::validation);
  EXPECT_EQ(parse_untag_resource(arn + R"(,"tagKeys":["a*"]})").error().code,
            ErrorCode::validation);
  EXPECT_EQ(parse_list_tags_for_resource("{}").error().code, ErrorCode::validation);
  const std::pair<const char*, ErrorCode> bad[] = {
      {"short", ErrorCode::validation},
      {"arn:aws:s3:::a-bucket-of-ours", ErrorCode::validation},
      {"arn:aws:bedrock:eu-south-1:111122223333:guardrail/abc", ErrorCode::resource_not_found}};
  for (const auto& [resource, code] : bad) {
    EXPECT_EQ(parse_list_tags_for_resource(fmt::format(R"({{"resourceARN":"{}"}})", resource))
                  .error()
                  .code,
              code)
        << resource;
  }
}

TEST(Tags, AChangeSetsReplacesAndRemoves) {
  ApplicationProfile profile;
  profile.id = "zzz";
  profile.tags = {{"a", "1"}, {"b", "2"}, {"tidegate:id", "zzz"}};
  const auto apply = [&](std::vector<Tag> set, std::vector<std::string> unset) {
    return apply_tag_change(profile, {own, std::move(set), std::move(unset)});
  };
  EXPECT_EQ(*apply({{"b", "3"}, {"c", "4"}}, {}),
            (std::vector<Tag>{{"a", "1"}, {"b", "3"}, {"c", "4"}, {"tidegate:id", "zzz"}}));
  EXPECT_EQ(*apply({}, {"a", "no-such"}), (std::vector<Tag>{{"b", "2"}, {"tidegate:id", "zzz"}}));
  EXPECT_TRUE(apply({{"tidegate:id", "zzz"}}, {})) << "a tool that sends all tags again";
  EXPECT_EQ(apply({{"tidegate:id", "other"}}, {}).error().code, ErrorCode::validation);
  EXPECT_EQ(apply({}, {"tidegate:id"}).error().code, ErrorCode::validation);
  std::vector<Tag> many;
  for (std::size_t i = 0; i < limits::tags_max - 3; ++i)
    many.push_back({fmt::format("k{}", i), ""});
  EXPECT_EQ(apply(many, {})->size(), limits::tags_max);
  many.push_back({"one-more", ""});
  EXPECT_EQ(apply(many, {}).error().code, ErrorCode::too_many_tags);
}

}  // namespace
}  // namespace tidegate::api
