#include "identity/authenticator.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "aws/sigv4.hpp"
#include "base/json.hpp"

namespace tidegate::identity {
namespace {

using namespace std::chrono_literals;

const std::filesystem::path captured =
    std::filesystem::path(TIDEGATE_SOURCE_DIR) / "../shared/vectors/captured";

constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::string_view demo_arn = "arn:aws:iam::111122223333:user/demo";

KeyTable make_keys() {
  return KeyTable(
      {{"AKIDEXAMPLE", std::string(secret), std::string(demo_arn), true},
       {"AKIAINACTIVE", std::string(secret), std::string(demo_arn), false},
       {"AKIAORPHAN", std::string(secret), "arn:aws:iam::111122223333:user/gone", true}},
      {{.arn = std::string(demo_arn),
        .account = "111122223333",
        .user_id = "AIDADEMO",
        .policies = {"demo"}}});
}

const WallTime noon = *aws::parse_amz_date("20261122T120000Z");

struct Request {
  http::RequestHead head{.method = "POST",
                         .target = "/model/eu.amazon.nova-2-lite-v1%3A0/converse",
                         .authority = {},
                         .headers = {{"Host", "127.0.0.1:7001"},
                                     {"Content-Type", "application/json"},
                                     {"X-Amz-User-Agent", "test"}}};
  std::string body = R"({"messages":[]})";
  std::string key_id = "AKIDEXAMPLE", region = "eu-south-1", service = "bedrock";
  WallTime signed_at = noon;

  Request& sign() {
    aws::sign(head, body, {key_id, std::string(secret)}, region, service, signed_at);
    return *this;
  }
  // Replaces text inside the Authorization header.
  void tamper(std::string_view from, std::string_view to) {
    std::string value(*head.headers.get("authorization"));
    value.replace(value.find(from), from.size(), to);
    head.headers.set("authorization", value);
  }
};

Result<Principal> authenticate(Authenticator& authenticator, const http::RequestHead& head,
                               std::string_view body, WallTime now,
                               std::string_view service = "bedrock") {
  static const KeyTable keys = make_keys();  // outlives the principals
  TRY(const auto claim, authenticator.check_head(head, service, keys, now));
  return authenticator.verify(claim, head, sha256(body), keys);
}

Result<Principal> authenticate(const Request& request, WallTime now = noon) {
  Authenticator authenticator("eu-south-1", 5min);
  return authenticate(authenticator, request.head, request.body, now);
}

TEST(Authenticator, ASignedRequestHasAPrincipal) {
  Request request;
  const auto principal = authenticate(request.sign());
  ASSERT_TRUE(principal) << principal.error().message;
  EXPECT_EQ(principal->arn(), demo_arn);
  EXPECT_EQ(principal->account(), "111122223333");
  EXPECT_EQ(principal->user_id(), "AIDADEMO");
  EXPECT_EQ(principal->key_id(), "AKIDEXAMPLE");
  EXPECT_EQ(principal->record().policies, std::vector<std::string>{"demo"});
}

struct Refusal {
  const char* name;
  void (*change)(Request&);  // applied to a signed request
  ErrorCode code;
  const char* message;  // part of it
};

const Refusal refusals[] = {
    {"no authorization", [](Request& r) { r.head.headers.erase("authorization"); },
     ErrorCode::missing_authentication, "Missing Authentication Token"},
    {"bearer", [](Request& r) { r.head.headers.set("Authorization", "Bearer bedrock-api-key-x"); },
     ErrorCode::missing_authentication, "Missing Authentication Token"},
    {"basic", [](Request& r) { r.head.headers.set("Authorization", "Basic eDp5"); },
     ErrorCode::missing_authentication, "Missing Authentication Token"},
    {"asymmetric", [](Request& r) { r.tamper("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"); },
     ErrorCode::incomplete_signature, "Unsupported signing algorithm"},
    {"no credential",
     [](Request& r) {
       r.tamper("Credential=AKIDEXAMPLE/20261122/eu-south-1/bedrock/aws4_request, ", "");
     },
     ErrorCode::incomplete_signature, "Authorization header requires 'Credential' parameter. "},
    {"no signature",
     [](Request& r) {
       r.head.headers.set("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request");
     },
     ErrorCode::incomplete_signature,
     "Authorization header requires 'Signature' parameter. Authorization header requires "
     "'SignedHeaders' parameter. "},
    {"parameter twice", [](Request& r) { r.tamper("Signature=", "Signature=aa, Signature="); },
     ErrorCode::incomplete_signature, "unknown or repeated"},
    {"two authorizations",
     [](Request& r) { r.head.headers.add("Authorization", "AWS4-HMAC-SHA256 x"); },
     ErrorCode::incomplete_signature, "more than one Authorization"},
    {"short credential", [](Request& r) { r.tamper("/bedrock/aws4_request", ""); },
     ErrorCode::incomplete_signature, "exactly 5 slash-delimited elements"},
    {"terminator", [](Request& r) { r.tamper("aws4_request", "aws5_request"); },
     ErrorCode::invalid_signature, "valid terminator: 'aws4_request'"},
    {"no date", [](Request& r) { r.head.headers.erase("x-amz-date"); },
     ErrorCode::incomplete_signature, "requires existence of a 'X-Amz-Date' header"},
    {"bad date", [](Request& r) { r.head.headers.set("x-amz-date", "2026-11-22T12:00:00Z"); },
     ErrorCode::incomplete_signature, "Date must be in ISO-8601 'basic format'"},
    {"scope date", [](Request& r) { r.tamper("/20261122/", "/20261121/"); },
     ErrorCode::invalid_signature, "'20261121' != '20261122', from '20261122T120000Z'"},
    {"unsorted headers", [](Request& r) { r.tamper("content-type;host", "host;content-type"); },
     ErrorCode::incomplete_signature, "SignedHeaders must be"},
    {"repeated names", [](Request& r) { r.tamper("content-type;host", "content-type;host;host"); },
     ErrorCode::incomplete_signature, "SignedHeaders must be"},
    {"capitals", [](Request& r) { r.tamper("content-type;host", "Content-Type;host"); },
     ErrorCode::incomplete_signature, "SignedHeaders must be"},
    {"host unsigned", [](Request& r) { r.tamper("host;", ""); }, ErrorCode::invalid_signature,
     "'Host' must be a 'SignedHeader' in the AWS Authorization."},
    {"amz header added", [](Request& r) { r.head.headers.add("X-Amz-Target", "x"); },
     ErrorCode::invalid_signature, "'x-amz-target' must be a 'SignedHeader'"},
    {"signed header twice", [](Request& r) { r.head.headers.add("content-TYPE", "text/plain"); },
     ErrorCode::invalid_signature, "'content-type' is in the request more than once"},
    {"date twice", [](Request& r) { r.head.headers.add("X-Amz-Date", "20261122T120000Z"); },
     ErrorCode::invalid_signature, "'x-amz-date' is in the request more than once"},
    {"query signature", [](Request& r) { r.head.target += "?X-Amz-Signature=aa"; },
     ErrorCode::incomplete_signature, "query string is not accepted"},
    {"encoded query signature", [](Request& r) { r.head.target += "?a=b&x%2Damz-Credential=aa"; },
     ErrorCode::incomplete_signature, "query string is not accepted"},
    {"another key", [](Request& r) { r.tamper("AKIDEXAMPLE", "AKIDUNKNOWN"); },
     ErrorCode::unrecognized_client, "The security token included in the request is invalid."},
    {"changed body", [](Request& r) { r.body += ' '; }, ErrorCode::invalid_signature,
     "The request signature we calculated does not match the signature you provided. Check your "
     "AWS Secret Access Key and signing method. Consult the service documentation for details."},
    {"changed path",
     [](Request& r) { r.head.target = "/model/global.amazon.nova-2-lite-v1%3A0/converse"; },
     ErrorCode::invalid_signature, "does not match"},
    {"decoded path",
     [](Request& r) { r.head.target = "/model/eu.amazon.nova-2-lite-v1:0/converse"; },
     ErrorCode::invalid_signature, "does not match"},
    {"query added", [](Request& r) { r.head.target += "?x=y"; }, ErrorCode::invalid_signature,
     "does not match"},
    {"changed header", [](Request& r) { r.head.headers.set("Host", "127.0.0.1:7002"); },
     ErrorCode::invalid_signature, "does not match"},
    {"short signature", [](Request& r) { r.tamper("Signature=", "Signature=0"); },
     ErrorCode::invalid_signature, "does not match"},
};

TEST(Authenticator, RefusesWhatIsNotExactlyWhatWasSigned) {
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(refusal.name);
    Request request;
    request.sign();
    refusal.change(request);
    const auto result = authenticate(request);
    ASSERT_FALSE(result);
    EXPECT_EQ(name_of(result.error().code), name_of(refusal.code));
    EXPECT_NE(result.error().message.find(refusal.message), std::string::npos)
        << result.error().message;
  }
}

struct SignedRefusal {
  const char* name;
  void (*change)(Request&);  // applied before signing: the signature itself is right
  ErrorCode code;
  const char* message;
};

const SignedRefusal signed_refusals[] = {
    {"other Region", [](Request& r) { r.region = "eu-west-1"; }, ErrorCode::invalid_signature,
     "Credential should be scoped to a valid region. "},
    {"other service", [](Request& r) { r.service = "s3"; }, ErrorCode::invalid_signature,
     "Credential should be scoped to correct service: 'bedrock'. "},
    {"inactive key", [](Request& r) { r.key_id = "AKIAINACTIVE"; }, ErrorCode::unrecognized_client,
     "The security token included in the request is invalid."},
    {"key without principal", [](Request& r) { r.key_id = "AKIAORPHAN"; },
     ErrorCode::unrecognized_client, "The security token included in the request is invalid."},
    {"temporary key", [](Request& r) { r.key_id = "ASIAEXAMPLE"; }, ErrorCode::unrecognized_client,
     "The security token included in the request is invalid."},
    {"session token", [](Request& r) { r.head.headers.add("X-Amz-Security-Token", "t"); },
     ErrorCode::unrecognized_client, "The security token included in the request is invalid."},
    {"unsigned payload",
     [](Request& r) { r.head.headers.add("x-amz-content-sha256", "UNSIGNED-PAYLOAD"); },
     ErrorCode::invalid_signature, "'UNSIGNED-PAYLOAD' is not accepted"},
    {"streaming payload",
     [](Request& r) {
       r.head.headers.add("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
     },
     ErrorCode::invalid_signature, "is not accepted"},
    {"hash of another body",
     [](Request& r) { r.head.headers.add("x-amz-content-sha256", to_hex(sha256("other"))); },
     ErrorCode::invalid_signature, "is not the SHA-256 of the body"},
    {"double slash", [](Request& r) { r.head.target = "/model//converse"; }, ErrorCode::validation,
     "segment"},
    {"slash at the end", [](Request& r) { r.head.target = "/model/m/converse/"; },
     ErrorCode::validation, "segment"},
    {"dot", [](Request& r) { r.head.target = "/model/./converse"; }, ErrorCode::validation,
     "segment"},
    {"encoded dots", [](Request& r) { r.head.target = "/model/.%2E/inference-profiles"; },
     ErrorCode::validation, "segment"},
    {"dots at the end", [](Request& r) { r.head.target = "/model/.."; }, ErrorCode::validation,
     "segment"},
    {"absolute form", [](Request& r) { r.head.target = "http://h/model"; }, ErrorCode::validation,
     "not a path"},
};

TEST(Authenticator, RefusesSomeRequestsEvenWhenSignedRight) {
  for (const SignedRefusal& refusal : signed_refusals) {
    SCOPED_TRACE(refusal.name);
    Request request;
    refusal.change(request);
    const auto result = authenticate(request.sign());
    ASSERT_FALSE(result);
    EXPECT_EQ(name_of(result.error().code), name_of(refusal.code));
    EXPECT_NE(result.error().message.find(refusal.message), std::string::npos)
        << result.error().message;
  }
}

TEST(Authenticator, AcceptsTheOtherLegitimateForms) {
  const std::pair<const char*, void (*)(Request&)> forms[] = {
      {"root", [](Request& r) { r.head.target = "/"; }},
      {"root with a query", [](Request& r) { r.head.target = "/?a=b&a=a"; }},
      {"dots inside a segment", [](Request& r) { r.head.target = "/model/a..b.../x"; }},
      {"hash of the body",
       [](Request& r) { r.head.headers.add("x-amz-content-sha256", to_hex(sha256(r.body))); }},
      {"HTTP/2 without host",
       [](Request& r) {
         r.head.headers.erase("host");
         r.head.authority = "gateway:7001";
       }},
  };
  for (const auto& [name, change] : forms) {
    Request request;
    change(request);
    const auto result = authenticate(request.sign());
    EXPECT_TRUE(result) << name << ": " << result.error().message;
  }
  Request request;
  request.sign().tamper(", SignedHeaders", ",SignedHeaders");
  EXPECT_TRUE(authenticate(request));
  // What SDKs and proxies add after signing.
  request.head.headers.add("amz-sdk-request", "attempt=1");
  request.head.headers.add("X-Amzn-Trace-Id", "Root=1-x");
  EXPECT_TRUE(authenticate(request));
}

TEST(Authenticator, TheClockMayDifferByFiveMinutes) {
  Request request;
  request.sign();
  EXPECT_TRUE(authenticate(request, noon + 5min));
  EXPECT_TRUE(authenticate(request, noon - 5min));
  const auto expired = authenticate(request, noon + 6min);
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().message,
            "Signature expired: 20261122T120000Z is now earlier than 20261122T120100Z "
            "(20261122T120600Z - 5 min.)");
  const auto early = authenticate(request, noon - 5min - 1s);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::invalid_signature);
  EXPECT_EQ(early.error().message,
            "Signature not yet current: 20261122T120000Z is still later than 20261122T115959Z "
            "(20261122T115459Z + 5 min.)");
}

TEST(Authenticator, AMismatchShowsWhatShouldHaveBeenSigned) {
  Request request;
  request.sign();
  request.body = "{}";
  const auto result = authenticate(request);
  ASSERT_FALSE(result);
  const std::string canonical =
      "POST\n/model/eu.amazon.nova-2-lite-v1%253A0/converse\n\ncontent-type:application/json\n"
      "host:127.0.0.1:7001\nx-amz-date:20261122T120000Z\nx-amz-user-agent:test\n\n"
      "content-type;host;x-amz-date;x-amz-user-agent\n" +
      to_hex(sha256("{}"));
  EXPECT_TRUE(result.error().message.ends_with(
      "\n\nThe Canonical String for this request should have been\n'" + canonical +
      "'\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20261122T120000Z\n"
      "20261122/eu-south-1/bedrock/aws4_request\n" +
      to_hex(sha256(canonical)) + "'\n"))
      << result.error().message;
}

TEST(Authenticator, AChangedSecretIsNoticedAtOnce) {
  Authenticator authenticator("eu-south-1", 5min);
  Request request;
  request.sign();
  ASSERT_TRUE(authenticate(authenticator, request.head, request.body, noon));
  const KeyTable rotated(
      {{"AKIDEXAMPLE", "another", std::string(demo_arn), true}},
      {{.arn = std::string(demo_arn), .account = "1", .user_id = "u", .policies = {}}});
  const auto claim = authenticator.check_head(request.head, "bedrock", rotated, noon);
  ASSERT_TRUE(claim);
  EXPECT_FALSE(authenticator.verify(*claim, request.head, sha256(request.body), rotated));
  // A key that was deleted while the body was on its way.
  const auto gone =
      authenticator.verify(*claim, request.head, sha256(request.body), KeyTable({}, {}));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::unrecognized_client);
}

http::RequestHead head_of(const json::value& item) {
  http::RequestHead head;
  if (const auto* headers = json::find_array(item.as_object(), "headers")) {
    head.method = item.at("method").as_string();
    head.target = item.at("target").as_string();
    for (const auto& pair : *headers) {
      head.headers.add(std::string(pair.at(0).as_string()), std::string(pair.at(1).as_string()));
    }
    return head;
  }
  head.version = http::Version::http2;
  const auto& raw = item.at("rawHeaders").as_array();
  for (std::size_t i = 0; i + 1 < raw.size(); i += 2) {
    const std::string name(raw[i].as_string()), value(raw[i + 1].as_string());
    if (name == ":authority") head.authority = value;
    if (name == ":path") head.target = value;
    if (name == ":method") head.method = value;
    if (!name.starts_with(':')) head.headers.add(name, value);
  }
  return head;
}

json::value read_json(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return *json::parse((std::stringstream() << file.rdbuf()).str());
}

TEST(AuthenticatorVectors, EveryCapturedRequestOfARealClientVerifies) {
  if (!std::filesystem::exists(captured)) GTEST_SKIP() << "no captured requests at " << captured;
  Authenticator authenticator("eu-central-1", 5min);
  std::size_t accepted = 0, wrong = 0, with_token = 0;
  for (const char* file : {"http1-requests.json", "js-v3-h2c-requests.json"}) {
    const json::value document = read_json(captured / file);
    for (const auto& item : document.at("requests").as_array()) {
      const auto& object = item.as_object();
      const auto head = head_of(item);
      SCOPED_TRACE(head.target + " " + std::string(*head.headers.get("user-agent")));
      const auto body = *from_base64(json::find_string(object, "bodyB64").value_or(""));
      const auto now = *aws::parse_amz_date(*head.headers.get("x-amz-date"));
      const std::string_view authorization = *head.headers.get("authorization");
      const auto scope = authorization.substr(authorization.find("/eu-central-1/") + 14);
      const auto result =
          authenticate(authenticator, head, body, now, scope.substr(0, scope.find('/')));
      if (head.headers.get("x-amz-security-token")) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::unrecognized_client);
        ++with_token;
      } else if (json::find_string(object, "computed") != json::find_string(object, "presented")) {
        // curl 7.88.1 does not encode the path a second time; AWS refuses it too.
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::invalid_signature);
        EXPECT_NE(result.error().message.find(item.at("canonicalRequest").as_string()),
                  std::string::npos);
        ++wrong;
      } else {
        EXPECT_TRUE(result) << result.error().message;
        ++accepted;
      }
    }
  }
  EXPECT_EQ(with_token, 1U);
  EXPECT_EQ(wrong, 2U);
  EXPECT_EQ(accepted, 33U);
}

TEST(AuthenticatorVectors, SignedEventStreamsAreRefused) {
  if (!std::filesystem::exists(captured)) GTEST_SKIP() << "no captured requests at " << captured;
  const auto head = head_of(read_json(captured / "js-v3-bidi-signed-events.json"));
  Authenticator authenticator("eu-central-1", 5min);
  const auto result =
      authenticate(authenticator, head, "", *aws::parse_amz_date("20261122T033052Z"));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("STREAMING-AWS4-HMAC-SHA256-EVENTS"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::identity
