// Short-term API keys: what one is, and that nothing else is one. They are made here byte for byte
// as AWS's own generator makes them, which the conformance tests run.
#include "identity/short_term_key.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "aws/sigv4.hpp"
#include "identity/authenticator.hpp"

namespace tidegate::identity {
namespace {

using namespace std::chrono_literals;

const std::string demo_arn = "arn:aws:iam::111122223333:user/demo";
const std::string key_id = "AKIADEMODEMODEMODEMO", secret = "demo-secret";
const WallTime noon = *aws::parse_amz_date("20261122T120000Z");

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Recipe {
  std::string region = "eu-south-1", service = "bedrock", key = key_id, with = secret;
  std::string date = "20261122T113000Z", expires = "43200";
  std::string start = "bedrock.amazonaws.com/?";
  std::vector<std::pair<std::string, std::string>> changed{};  // before it is signed; "": removed
  std::string added{};                                         // after it was signed
  std::string version = "&Version=1";
};

std::string make(const Recipe& recipe) {
  const std::string scope =
      recipe.date.substr(0, 8) + "/" + recipe.region + "/" + recipe.service + "/aws4_request";
  std::string credential = recipe.key + "/" + scope;
  for (std::size_t at; (at = credential.find('/')) != std::string::npos;)
    credential.replace(at, 1, "%2F");
  Parameters parameters{{"Action", "CallWithBearerToken"}, {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
                        {"X-Amz-Credential", credential},  {"X-Amz-Date", recipe.date},
                        {"X-Amz-Expires", recipe.expires}, {"X-Amz-SignedHeaders", "host"}};
  for (const auto& [name, value] : recipe.changed) {
    const auto found = std::ranges::find(parameters, name, &Parameters::value_type::first);
    if (found == parameters.end()) {
      parameters.emplace_back(name, value);
    } else if (value.empty()) {
      parameters.erase(found);
    } else {
      found->second = value;
    }
  }
  std::string query;
  for (const auto& [name, value] : parameters)
    query += (query.empty() ? "" : "&") + name + "=" + value;
  const http::RequestHead head{.method = "POST",
                               .target = "/?" + query,
                               .authority = {},
                               .headers = {{"host", "bedrock.amazonaws.com"}}};
  const std::string text =
      aws::string_to_sign(recipe.date, scope, aws::canonical_request(head, "host", sha256("")));
  const Sha256 key =
      aws::signing_key(recipe.with, recipe.date.substr(0, 8), recipe.region, recipe.service);
  query += "&X-Amz-Signature=" + to_hex(hmac_sha256(view(key), text));
  return "bedrock-api-key-" + to_base64(recipe.start + query + recipe.added + recipe.version);
}

KeyTable table(bool active = true, const std::string& with = secret) {
  return KeyTable({{key_id, with, demo_arn, active}},
                  {{demo_arn, "111122223333", "AIDADEMO", {}, false}});
}

Result<Principal> authenticate(const std::string& key, WallTime now = noon,
                               const KeyTable& keys = table(),
                               ApiKeyHeaders accepted = ApiKeyHeaders::bearer,
                               const KeyTable* later = nullptr) {
  Authenticator authenticator("eu-south-1", 5min);
  const http::RequestHead head{.method = "POST",
                               .target = "/v1/x",
                               .authority = {},
                               .headers = {{"authorization", "Bearer " + key}}};
  TRY(const auto claim, authenticator.check_head(head, "bedrock", keys, now, accepted));
  auto principal = authenticator.verify(claim, head, sha256("a body"), later ? *later : keys);
  if (!principal) return principal;
  EXPECT_EQ(principal->arn(), demo_arn);
  EXPECT_EQ(principal->key_id(), key_id);
  EXPECT_EQ(principal->credential(), Credential::short_term_key);
  EXPECT_EQ(claim.short_term->id, api_key_id(sha256(key)));
  return principal;
}

TEST(ShortTermKey, IsItsMakersPrincipalUntilItExpires) {
  const std::string key = make({});
  EXPECT_TRUE(authenticate(key));
  EXPECT_TRUE(authenticate(key, noon + 11h + 29min));
  const auto expired = authenticate(key, noon + 11h + 30min);
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().message, "Bearer Token has expired");
  const std::string brief = make({.expires = "60"});
  EXPECT_TRUE(authenticate(brief, noon - 30min + 59s));
  EXPECT_FALSE(authenticate(brief, noon - 30min + 60s));
  EXPECT_TRUE(authenticate(make({.date = "20261122T120459Z"}))) << "clocks differ a little";
  EXPECT_FALSE(authenticate(make({.date = "20261122T120501Z"})));
}

TEST(ShortTermKey, IsNothingElseThanASignedCallWithBearerToken) {
  struct Row {
    const char* name;
    std::string key, says;
  };
  const std::string good = make({});
  const Row rows[] = {
      {"another Region", make({.region = "eu-central-1"}), "made for eu-central-1"},
      {"another service", make({.service = "sts"}), "another service"},
      {"another action", make({.changed = {{"Action", "GetCallerIdentity"}}}), "GetCallerIdentity"},
      {"no action", make({.changed = {{"Action", ""}}}), "no parameter 'Action'"},
      {"more than twelve hours", make({.expires = "43201"}), "1 to 43200"},
      {"no life", make({.expires = "0"}), "1 to 43200"},
      {"a negative life", make({.expires = "-5"}), "1 to 43200"},
      {"a life that is no number", make({.expires = "60s"}), "1 to 43200"},
      {"more signed headers", make({.changed = {{"X-Amz-SignedHeaders", "host%3Bx-a"}}}),
       "host;x-a"},
      {"another algorithm", make({.changed = {{"X-Amz-Algorithm", "AWS4-ECDSA"}}}), "AWS4-ECDSA"},
      {"temporary credentials", make({.changed = {{"X-Amz-Security-Token", "abc"}}}), "temporary"},
      {"a parameter more", make({.changed = {{"X-Amz-More", "1"}}}), "'X-Amz-More'"},
      {"a parameter twice", make({.added = "&Action=CallWithBearerToken"}), "'Action'"},
      {"a signature twice", make({.added = "&X-Amz-Signature=00"}), "'X-Amz-Signature'"},
      {"another version", make({.version = "&Version=2"}), "Version '2'"},
      {"no version", make({.version = ""}), "no parameter 'Version'"},
      {"another host", make({.start = "sts.amazonaws.com/?"}), "not the base64 of a URL"},
      {"another path", make({.start = "bedrock.amazonaws.com/x?"}), "not the base64 of a URL"},
      {"a scheme", make({.start = "https://bedrock.amazonaws.com/?"}), "not the base64 of a URL"},
      {"a date that is none", make({.changed = {{"X-Amz-Date", "now"}}}), "date"},
      {"a date of another day", make({.changed = {{"X-Amz-Date", "20261121T120000Z"}}}), "date"},
      {"a credential without a key", make({.key = ""}), "another service"},
      {"an unknown key", make({.key = "AKIANOBODY"}), ""},
      {"another secret", make({.with = "guess"}), ""},
      {"no base64", "bedrock-api-key-***", "not the base64 of a URL"},
      {"nothing", "bedrock-api-key-", "not the base64 of a URL"},
      {"a cut one", good.substr(0, good.size() - 40), ""},
      {"a long one", make({.added = "&X=" + std::string(5'000, 'x')}), "not the base64 of a URL"},
  };
  for (const Row& row : rows) {
    const auto refused = authenticate(row.key);
    ASSERT_FALSE(refused) << row.name;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_api_key) << row.name;
    EXPECT_EQ(refused.error().message,
              "Authentication failed: Please make sure your API Key is valid.")
        << row.name;
    EXPECT_TRUE(refused.error().mend.contains(row.says))
        << row.name << ": " << refused.error().mend;
  }
}

TEST(ShortTermKey, EveryChangedByteOfItsUrlIsNoticed) {
  const std::string prefix = "bedrock-api-key-";
  const std::string url = *from_base64(make({}).substr(prefix.size()));
  for (std::size_t i = 0; i < url.size(); ++i) {
    std::string other = url;
    other[i] = other[i] == '1' ? '2' : '1';
    EXPECT_FALSE(authenticate(prefix + to_base64(other))) << i << ": " << other;
  }
}

TEST(ShortTermKey, EndsWithTheAccessKeyThatSignedIt) {
  const std::string key = make({});
  EXPECT_FALSE(authenticate(key, noon, table(false)));
  EXPECT_FALSE(authenticate(key, noon, table(true, "changed")));
  const KeyTable revoked = table(false);
  EXPECT_FALSE(authenticate(key, noon, table(), ApiKeyHeaders::bearer, &revoked))
      << "revoked while the body came";
}

TEST(ShortTermKey, OpensNoDoorThatTakesNoApiKey) {
  const auto refused = authenticate(make({}), noon, table(), ApiKeyHeaders::none);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::missing_authentication);
}

}  // namespace
}  // namespace tidegate::identity
