// What a control plane's client sees of both kinds of inference profiles.
#include "api/inference_profiles.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace tidegate::api {
namespace {

const catalog::RegionId milan{"eu-south-1"};
const catalog::RegionId london{"eu-west-2"};
BedrockView view_from(const catalog::RegionId& region) {
  return {*catalog::Catalog::built_in(), region, "111122223333",
          [](std::string_view id) { return id == "amazon.nova-2-lite-v1:0"; }, WallTime{}};
}

const ApplicationProfiles none;

ApplicationProfiles three() {
  ApplicationProfiles out;
  for (const char* id : {"a1b2c3d4e5f6", "team-a.amazon.nova-2-lite", "zzz"}) {
    const bool of_model = std::string_view(id) == "zzz";
    out.emplace(id, std::make_shared<const ApplicationProfile>(ApplicationProfile{
                        .account = "111122223333",
                        .id = id,
                        .name = "Team A",
                        .description = of_model ? "" : "For billing",
                        .profile_id = of_model ? "" : "eu.amazon.nova-2-lite-v1:0",
                        .model_id = "amazon.nova-2-lite-v1:0",
                        .tags = {},
                        .created = WallTime(std::chrono::milliseconds(1'795'316'706'123)),
                        .updated = WallTime(std::chrono::milliseconds(1'795'316'707'000)),
                        .client_token = {},
                        .request_hash = {}}));
  }
  return out;
}

std::vector<std::string> ids_of(const json::object& page) {
  std::vector<std::string> out;
  for (const auto& summary : page.at("inferenceProfileSummaries").as_array())
    out.emplace_back(summary.at("inferenceProfileId").as_string());
  return out;
}

// Every page of `size`, and what `between` does to the profiles after each.
template <class Between>
std::vector<std::string> all_pages(std::size_t size, ApplicationProfiles& applications,
                                   Between between, Parameters query = {}) {
  std::vector<std::string> out;
  query["maxResults"] = std::to_string(size);
  for (int page = 0; page < 200; ++page) {
    const auto part = list_inference_profiles(view_from(milan), applications, query);
    if (!part) {
      ADD_FAILURE() << part.error().message;
      break;
    }
    std::ranges::copy(ids_of(*part), std::back_inserter(out));
    if (!part->contains("nextToken")) return out;
    query["nextToken"] = std::string(part->at("nextToken").as_string());
    between(out.back());
  }
  ADD_FAILURE() << "too many pages";
  return out;
}

TEST(InferenceProfiles, AProfileListsOneModelArnADestination) {
  const auto profile = get_inference_profile(view_from(milan), none, "eu.amazon.nova-2-lite-v1:0");
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->at("models").as_array().size(), 6u);
  EXPECT_EQ(profile->at("inferenceProfileArn").as_string(),
            "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.amazon.nova-2-lite-v1:0");
  const auto by_arn = get_inference_profile(
      view_from(milan), none, std::string(profile->at("inferenceProfileArn").as_string()));
  ASSERT_TRUE(by_arn);
  EXPECT_EQ(*by_arn, *profile);
  // London has no row for Nova 2 Lite, and a row with itself for Claude Sonnet 4.5.
  EXPECT_EQ(
      get_inference_profile(view_from(london), none, "eu.amazon.nova-2-lite-v1:0").error().code,
      ErrorCode::resource_not_found);
  EXPECT_EQ(
      get_inference_profile(view_from(london), none, "eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
          ->at("models")
          .as_array()
          .size(),
      7u);
  // Global: the source's model and the Region-less one.
  EXPECT_EQ(get_inference_profile(view_from(milan), none, "global.amazon.nova-2-lite-v1:0")
                ->at("models")
                .as_array()[1]
                .at("modelArn")
                .as_string(),
            "arn:aws:bedrock:::foundation-model/amazon.nova-2-lite-v1:0");
}

TEST(InferenceProfiles, PagesJoinToTheWholeListWithoutGapOrDuplicate) {
  const auto whole = list_inference_profiles(view_from(milan), none, {});
  ASSERT_TRUE(whole);
  std::vector<std::string> ids;
  Parameters query{{"maxResults", "7"}};
  for (int page = 0; page < 100; ++page) {
    const auto part = list_inference_profiles(view_from(milan), none, query);
    ASSERT_TRUE(part);
    for (const auto& summary : part->at("inferenceProfileSummaries").as_array())
      ids.emplace_back(summary.at("inferenceProfileId").as_string());
    if (!part->contains("nextToken")) break;
    query["nextToken"] = std::string(part->at("nextToken").as_string());
  }
  EXPECT_EQ(ids.size(), whole->at("inferenceProfileSummaries").as_array().size());
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
  for (const char* bad : {"0", "1001", "x", "-1", ""}) {
    EXPECT_EQ(list_inference_profiles(view_from(milan), none, {{"maxResults", bad}}).error().code,
              ErrorCode::validation)
        << bad;
  }
  EXPECT_EQ(list_inference_profiles(view_from(milan), none, {{"nextToken", "???"}}).error().code,
            ErrorCode::validation);
}

TEST(InferenceProfiles, AnApplicationProfileShowsWhatItCopies) {
  const auto applications = three();
  const auto profile =
      get_inference_profile(view_from(milan), applications, "team-a.amazon.nova-2-lite");
  ASSERT_TRUE(profile);
  auto expected = *get_inference_profile(view_from(milan), none, "eu.amazon.nova-2-lite-v1:0");
  expected["inferenceProfileName"] = "Team A";
  expected["description"] = "For billing";
  expected["inferenceProfileArn"] =
      "arn:aws:bedrock:eu-south-1:111122223333:application-inference-profile/"
      "team-a.amazon.nova-2-lite";
  expected["inferenceProfileId"] = "team-a.amazon.nova-2-lite";
  expected["type"] = "APPLICATION";
  expected["createdAt"] = "2026-11-22T03:05:06.123Z";
  expected["updatedAt"] = "2026-11-22T03:05:07.000Z";
  EXPECT_EQ(json::canonical(*profile), json::canonical(expected));
  EXPECT_EQ(*get_inference_profile(view_from(milan), applications,
                                   std::string(profile->at("inferenceProfileArn").as_string())),
            *profile);
  // Of a foundation model: that model here, and nothing else.
  const auto in_region = get_inference_profile(view_from(milan), applications, "zzz");
  EXPECT_EQ(
      in_region->at("models"),
      (json::array{json::object{
          {"modelArn", "arn:aws:bedrock:eu-south-1::foundation-model/amazon.nova-2-lite-v1:0"}}}));
  EXPECT_FALSE(in_region->contains("description"));
}

TEST(InferenceProfiles, OnesOwnAreFoundByIdAndArnAndNoOthers) {
  const auto applications = three();
  const std::string kind = ":application-inference-profile/zzz";
  for (const auto& bad :
       {std::string("no-such"), "arn:aws:bedrock:eu-west-1:111122223333" + kind,
        "arn:aws:bedrock:eu-south-1:999999999999" + kind,
        std::string("arn:aws:bedrock:eu-south-1:111122223333:inference-profile/zzz"),
        std::string("arn:aws:bedrock:eu-south-1:111122223333:application-inference-profile/"
                    "eu.amazon.nova-2-lite-v1:0")}) {
    EXPECT_EQ(get_inference_profile(view_from(milan), applications, bad).error().code,
              ErrorCode::resource_not_found)
        << bad;
    const auto named = application_profile_named(view_from(milan), applications, bad);
    ASSERT_FALSE(named) << bad;
    EXPECT_EQ(named.error().code, bad.contains(":inference-profile/")
                                      ? ErrorCode::validation
                                      : ErrorCode::resource_not_found)
        << bad;
  }
  for (const char* stays :
       {"eu.amazon.nova-2-lite-v1:0",
        "arn:aws:bedrock:eu-south-1:111122223333:inference-profile/eu.amazon.nova-2-lite-v1:0",
        "arn:aws:bedrock:eu-south-1::foundation-model/amazon.nova-2-lite-v1:0"}) {
    EXPECT_EQ(application_profile_named(view_from(milan), applications, stays).error().code,
              ErrorCode::validation)
        << stays;
  }
  EXPECT_EQ((*application_profile_named(view_from(milan), applications, "zzz"))->id, "zzz");
}

TEST(InferenceProfiles, PolicyIsAskedAboutTheArnThatIsMeant) {
  const auto applications = three();
  const std::string here = "arn:aws:bedrock:eu-south-1:111122223333:";
  const std::pair<std::string, std::string> cases[] = {
      {"zzz", here + "application-inference-profile/zzz"},
      {"eu.amazon.nova-2-lite-v1:0", here + "inference-profile/eu.amazon.nova-2-lite-v1:0"},
      {"no-such", here + "inference-profile/no-such"},
      {"arn:aws:bedrock:eu-west-1:9:application-inference-profile/x",
       "arn:aws:bedrock:eu-west-1:9:application-inference-profile/x"}};
  for (const auto& [identifier, arn] : cases)
    EXPECT_EQ(*inference_profile_resource(view_from(milan), applications, identifier), arn);
}

TEST(InferenceProfiles, TheTypeFilterChoosesAKind) {
  auto applications = three();
  const auto ids = [&](Parameters query) {
    return ids_of(*list_inference_profiles(view_from(milan), applications, query));
  };
  const std::vector<std::string> own{"a1b2c3d4e5f6", "team-a.amazon.nova-2-lite", "zzz"};
  EXPECT_EQ(ids({{"type", "APPLICATION"}}), own);
  auto both = ids({{"type", "SYSTEM_DEFINED"}});
  EXPECT_FALSE(both.empty());
  both.insert(both.end(), own.begin(), own.end());
  EXPECT_EQ(ids({}), both);
  EXPECT_EQ(list_inference_profiles(view_from(milan), none, {{"type", "OTHER"}}).error().code,
            ErrorCode::validation);
}

TEST(InferenceProfiles, PagesCrossFromOneKindToTheOther) {
  auto applications = three();
  const auto nothing = [](const std::string&) {};
  const auto whole = ids_of(*list_inference_profiles(view_from(milan), applications, {}));
  for (const std::size_t size : {1u, 2u, 7u, 1000u})
    EXPECT_EQ(all_pages(size, applications, nothing), whole) << size;
  EXPECT_EQ(all_pages(2, applications, nothing, {{"type", "APPLICATION"}}).size(), 3u);
  // What a token names may be deleted before the next page.
  const auto rest =
      all_pages(1, applications, [&](const std::string& last) { applications.erase(last); });
  EXPECT_EQ(rest, whole);
  for (const char* bad : {"YWJj", "QVBQTElDQVRJT04v", ""})  // "abc", "APPLICATION/"
    EXPECT_EQ(
        list_inference_profiles(view_from(milan), applications, {{"nextToken", bad}}).error().code,
        ErrorCode::validation)
        << bad;
}

TEST(FoundationModels, AvailabilityIsTrue) {
  const auto answer = [](const catalog::RegionId& region, std::string_view model, Usable usable) {
    return get_foundation_model_availability(view_from(region), model, usable);
  };
  EXPECT_EQ(*answer(milan, "amazon.nova-2-lite-v1:0", Usable::yes),
            (json::object{{"modelId", "amazon.nova-2-lite-v1:0"},
                          {"agreementAvailability", json::object{{"status", "AVAILABLE"}}},
                          {"authorizationStatus", "AUTHORIZED"},
                          {"entitlementAvailability", "AVAILABLE"},
                          {"regionAvailability", "AVAILABLE"}}));
  EXPECT_EQ(answer(milan, "amazon.nova-2-lite-v1:0", Usable::no)->at("authorizationStatus"),
            "NOT_AUTHORIZED");
  EXPECT_EQ(answer(milan, "no.such", Usable::no).error().code, ErrorCode::resource_not_found);
}

}  // namespace
}  // namespace tidegate::api
