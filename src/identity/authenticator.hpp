// SigV4 in two steps, because a body is only believed when it has been read whole: check_head()
// looks at what the headers say (form, scope, clock, known key), so that strangers cannot make us
// buffer bodies; verify() then checks the signature over the body's hash. Rules:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "http/message.hpp"
#include "identity/principal.hpp"

namespace tidegate::identity {

// What the headers claim; not yet believed.
struct ClaimedIdentity {
  std::string key_id, date, region, service;  // the credential
  std::string scope;                          // "20261122/eu-central-1/bedrock/aws4_request"
  std::string amz_date;                       // "20261122T032008Z"
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string payload_hash;  // x-amz-content-sha256, if it was sent
};

// One a worker: it caches derived signing keys. Not thread-safe.
class Authenticator {
 public:
  // `region` is this gateway's.
  explicit Authenticator(std::string region, Duration clock_skew);

  // `expected_service` is the signing name of the called operation: bedrock, cloudtrail or sts.
  // Errors: validation (the target), missing_authentication, incomplete_signature,
  // invalid_signature (clock, scope, unsigned headers), unrecognized_client.
  Result<ClaimedIdentity> check_head(const http::RequestHead& head,
                                     std::string_view expected_service, const KeyTable& keys,
                                     WallTime now) const;
  // Errors: invalid_signature, unrecognized_client.
  Result<Principal> verify(const ClaimedIdentity& claim, const http::RequestHead& head,
                           const Sha256& body_hash, const KeyTable& keys);

 private:
  const Sha256& derived_key(const ClaimedIdentity& claim, std::string_view secret);
  struct DerivedKey {
    Sha256 secret_hash;
    Sha256 key;
  };
  std::string region_;
  Duration clock_skew_;
  std::unordered_map<std::string, DerivedKey>
      derived_;     // by key id, date, region, service; bounded
  Sha256 decoy_{};  // stands in for the key of an unknown caller
};

}  // namespace tidegate::identity
