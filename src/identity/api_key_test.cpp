// API keys: where a door reads them, and which are in force.
#include "identity/api_key.hpp"

#include <gtest/gtest.h>

#include "aws/sigv4.hpp"
#include "identity/authenticator.hpp"

namespace tidegate::identity {
namespace {

using namespace std::chrono_literals;
using enum ApiKeyHeaders;

const std::string demo_arn = "arn:aws:iam::111122223333:user/demo";
const WallTime noon = *aws::parse_amz_date("20261122T120000Z");

ApiKey key_of(std::string_view text, WallTime expires = noon + 1h, bool active = true) {
  const Sha256 digest = sha256(text);
  return {.key_id = api_key_id(digest),
          .name = {},
          .digest = digest,
          .principal_arn = demo_arn,
          .created = noon - 1h,
          .expires = expires,
          .active = active};
}

const KeyTable& keys() {
  static const KeyTable table = [] {
    ApiKey orphan = key_of("tgk_orphan");
    orphan.principal_arn = "arn:aws:iam::111122223333:user/gone";
    return KeyTable({}, {{demo_arn, "111122223333", "AIDADEMO", {}, false}},
                    {key_of("tgk_good"), key_of("tgk_expired", noon), orphan,
                     key_of("tgk_revoked", noon + 1h, false)});
  }();
  return table;
}

Result<Principal> authenticate(http::Headers headers, ApiKeyHeaders accepted) {
  Authenticator authenticator("eu-south-1", 5min);
  const http::RequestHead head{
      .method = "POST", .target = "/v1/x", .authority = {}, .headers = std::move(headers)};
  TRY(const auto claim, authenticator.check_head(head, "bedrock", keys(), noon, accepted));
  return authenticator.verify(claim, head, sha256("a body"), keys());
}

TEST(ApiKey, ABearerIsItsPrincipal) {
  for (const http::Headers& headers :
       {http::Headers{{"Authorization", "Bearer tgk_good"}},
        http::Headers{{"authorization", "bearer  tgk_good "}, {"x-api-key", "tgk_revoked"}},
        http::Headers{{"X-Api-Key", "tgk_good"}}}) {
    const auto principal = authenticate(headers, bearer_or_x_api_key);
    ASSERT_TRUE(principal) << principal.error().message;
    EXPECT_EQ(principal->arn(), demo_arn);
    EXPECT_EQ(principal->key_id(), api_key_id(sha256("tgk_good")));
    EXPECT_EQ(principal->credential(), Credential::api_key);
  }
}

TEST(ApiKey, WhatIsNotInForceIsRefused) {
  for (const char* text : {"tgk_revoked", "tgk_orphan", "tgk_unknown", "tgk_goo", "tgk_good2"}) {
    const auto principal = authenticate({{"authorization", "Bearer " + std::string(text)}}, bearer);
    ASSERT_FALSE(principal) << text;
    EXPECT_EQ(principal.error().code, ErrorCode::invalid_api_key) << text;
    EXPECT_FALSE(principal.error().message.contains(text));
  }
  const auto expired = authenticate({{"authorization", "Bearer tgk_expired"}}, bearer);
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().message, "Bearer Token has expired");
}

TEST(ApiKey, CountsWhereTheDoorReadsIt) {
  struct Row {
    http::Headers headers;
    ApiKeyHeaders accepted;
    ErrorCode code;
  };
  for (const Row& row :
       {Row{{{"authorization", "Bearer tgk_good"}}, none, ErrorCode::missing_authentication},
        Row{{{"x-api-key", "tgk_good"}}, bearer, ErrorCode::missing_authentication},
        Row{{{"authorization", "Bearer "}}, bearer, ErrorCode::missing_authentication},
        Row{{{"authorization", "Basic tgk_good"}, {"x-api-key", "tgk_good"}},
            bearer_or_x_api_key,
            ErrorCode::missing_authentication},
        Row{{{"authorization", "Bearer tgk_good"}, {"authorization", "Bearer tgk_good"}},
            bearer,
            ErrorCode::incomplete_signature},
        Row{{{"x-api-key", "tgk_good"}, {"x-api-key", "tgk_good"}},
            bearer_or_x_api_key,
            ErrorCode::incomplete_signature}}) {
    const auto principal = authenticate(row.headers, row.accepted);
    ASSERT_FALSE(principal);
    EXPECT_EQ(principal.error().code, row.code) << principal.error().message;
  }
}

TEST(ApiKey, TextsAreLongAndIdsFollowFromThem) {
  SystemRng rng;
  const std::string one = make_api_key(rng), other = make_api_key(rng);
  EXPECT_NE(one, other);
  EXPECT_EQ(one.size(), 47u);
  EXPECT_TRUE(one.starts_with("tgk_"));
  const std::string id = api_key_id(sha256(one));
  EXPECT_EQ(id.size(), 21u);
  EXPECT_TRUE(id.starts_with("ACCA"));
  EXPECT_EQ(id, api_key_id(sha256(one)));
  EXPECT_NE(id, api_key_id(sha256(other)));
}

}  // namespace
}  // namespace tidegate::identity
