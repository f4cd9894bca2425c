// SigV4 in two steps, because a body is only believed when it has been read whole: check_head()
// looks at what the headers say (form, scope, clock, known key), so that strangers cannot make us
// buffer bodies; verify() then checks the signature over the body's hash. An API key is a bearer's
// whole proof, and known at the head; a short-term one carries a signature of its own. Rules:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "http/message.hpp"
#include "identity/principal.hpp"
#include "identity/short_term_key.hpp"

namespace tidegate::identity {

// What the headers claim; not yet believed. Views of the head that was checked.
struct ClaimedIdentity {
  std::string_view key_id, date, region, service;  // the credential
  std::string_view scope;                          // "20261122/eu-central-1/bedrock/aws4_request"
  std::string_view amz_date;                       // "20261122T032008Z"
  std::string_view signed_headers;                 // "content-type;host;x-amz-date"
  std::string_view signature;
  std::string_view payload_hash;  // x-amz-content-sha256, if it was sent
  std::optional<Sha256> api_key;  // the digest of what was presented, instead of all of the above
  std::shared_ptr<const ShortTermKey> short_term{};  // then the above are views of it
};

// Where a door reads API keys: nowhere, Authorization: Bearer, or x-api-key as well (Anthropic's).
// An Authorization header is decided by itself: x-api-key counts where there is none.
enum class ApiKeyHeaders : std::uint8_t { none, bearer, bearer_or_x_api_key };

// One a worker: it caches derived signing keys, ready for use, and keeps the buffers that it builds
// the signed texts in. Not thread-safe.
class Authenticator {
 public:
  // `region` is this gateway's.
  explicit Authenticator(std::string region, Duration clock_skew);

  // `expected_service` is the signing name of the called operation: bedrock, cloudtrail or sts.
  // Errors: validation (the target), missing_authentication, incomplete_signature,
  // invalid_signature (clock, scope, unsigned headers), unrecognized_client, invalid_api_key.
  Result<ClaimedIdentity> check_head(const http::RequestHead& head,
                                     std::string_view expected_service, const KeyTable& keys,
                                     WallTime now, ApiKeyHeaders accepted = ApiKeyHeaders::none);
  // The principal is a view of `keys`. Errors: invalid_signature, unrecognized_client,
  // invalid_api_key.
  Result<Principal> verify(const ClaimedIdentity& claim, const http::RequestHead& head,
                           const Sha256& body_hash, const KeyTable& keys);

 private:
  Result<void> check_short_term(const ClaimedIdentity& claim, const KeyTable& keys, WallTime now);
  Result<Principal> verify_short_term(const ClaimedIdentity& claim, const KeyTable& keys);
  Sha256 expected_signature(const ClaimedIdentity& claim, const http::RequestHead& head,
                            const Sha256& body_hash, const HmacKey& key);
  const HmacKey& derived_key(const ClaimedIdentity& claim, std::string_view secret);
  std::unexpected<Error> mismatch() const;
  struct DerivedKey {
    std::string secret;  // what it was derived from: a changed secret is noticed at once
    HmacKey key;
  };
  std::string region_;
  Duration clock_skew_;
  std::unordered_map<std::string, DerivedKey> derived_;  // by key id and scope; bounded
  const HmacKey decoy_{""};                            // stands in for the key of an unknown caller
  std::string key_name_, canonical_, string_to_sign_;  // of the last request
};

}  // namespace tidegate::identity
