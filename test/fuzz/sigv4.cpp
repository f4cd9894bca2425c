// A signed request's head, a line a header, the target first: taken apart, and if it has the form
// of a signature, made canonical. What was signed by our own signer always has that form.
#include "aws/sigv4.hpp"
#include "fuzz.hpp"
#include "identity/authorization.hpp"
#include "identity/short_term_key.hpp"

namespace http = tidegate::http;
namespace identity = tidegate::identity;

FUZZ_TARGET(data, size) {
  std::string_view rest = tidegate::fuzz::text(data, size);
  http::RequestHead head;
  head.method = "POST";
  head.target = tidegate::fuzz::take_line(rest);
  head.authority = "a";
  while (!rest.empty()) {
    const std::string_view line = tidegate::fuzz::take_line(rest);
    head.headers.add(line.substr(0, line.find(':')),
                     line.substr(std::min(line.find(':'), line.size() - 1) + 1));
    if (line.empty()) break;
  }
  const bool plain = identity::check_target(head).has_value();
  using enum identity::ApiKeyHeaders;
  const auto claim = identity::parse_claim(head, none);
  for (const auto accepted : {bearer, bearer_or_x_api_key}) {
    const auto with_keys = identity::parse_claim(head, accepted);
    if (claim) CHECK(with_keys && !with_keys->api_key);  // a signature is not taken for a key
  }
  if (claim) {
    CHECK(!claim->api_key);
    (void)identity::check_signed_headers(head, *claim);
    const std::string once = tidegate::aws::canonical_request(head, claim->signed_headers, {});
    CHECK(once.starts_with("POST\n") &&
          once == tidegate::aws::canonical_request(head, claim->signed_headers, {}));
    (void)tidegate::aws::parse_amz_date(claim->amz_date);
  }
  // The same bytes as the URL in a short-term key, and as its text.
  const std::string_view whole = tidegate::fuzz::text(data, size);
  for (const std::string& key :
       {"bedrock-api-key-" + tidegate::to_base64(whole), "bedrock-api-key-" + std::string(whole)}) {
    const auto taken = identity::parse_short_term_key(key);
    if (!taken) continue;
    CHECK((*taken)->request.headers.count("host") == 1 && !(*taken)->key_id.empty());
    CHECK((*taken)->lifetime > tidegate::Duration{0});
    CHECK(!(*taken)->request.target.contains("X-Amz-Signature="));
  }
  http::RequestHead ours;
  ours.method = "POST";
  ours.target = head.target;
  ours.authority = "a";
  ours.headers.add("host", "a");
  tidegate::aws::sign(ours, rest, {"AKID", "secret"}, "eu-south-1", "bedrock", {});
  const bool query_signed = head.query().find("X-") != std::string_view::npos ||
                            head.query().find("x-") != std::string_view::npos ||
                            head.query().find('%') != std::string_view::npos;
  if (plain && !query_signed) {
    const auto own = identity::parse_claim(ours, none);
    CHECK(own && identity::check_signed_headers(ours, *own));
  }
  return 0;
}
