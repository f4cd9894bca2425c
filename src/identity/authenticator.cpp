#include "identity/authenticator.hpp"

#include <fmt/format.h>

#include "aws/sigv4.hpp"
#include "base/limits.hpp"
#include "identity/authorization.hpp"

namespace tidegate::identity {
namespace {

std::unexpected<Error> unrecognized(std::string mend = {}) {
  return fail(ErrorCode::unrecognized_client,
              "The security token included in the request is invalid.", std::move(mend));
}

Error invalid_key(std::string mend = {}) {
  return {.code = ErrorCode::invalid_api_key,
          .message = "Authentication failed: Please make sure your API Key is valid.",
          .mend = std::move(mend),
          .why = {}};
}

// A revoked key is as unknown as one that never was.
Result<const ApiKey*> find_api_key(const Sha256& digest, const KeyTable& keys) {
  const ApiKey* key = keys.api_key(digest);
  if (!key || !key->active || !keys.principal(key->principal_arn)) {
    return fail(invalid_key());
  }
  return key;
}

Result<void> check_expiry(const ApiKey& key, WallTime now) {
  if (now < key.expires) return {};
  return fail(ErrorCode::invalid_api_key, "Bearer Token has expired",
              fmt::format("API key {} expired at {}: ask the operator of this gateway for a new "
                          "one.",
                          key.key_id, aws::iso8601(key.expires)));
}

std::string spelled(Duration skew) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(skew).count();
  return whole % 60 == 0 ? fmt::format("{} min.", whole / 60) : fmt::format("{} s.", whole);
}

Result<void> check_clock(const ClaimedIdentity& claim, Duration skew, WallTime now) {
  const auto signed_at = aws::parse_amz_date(claim.amz_date);
  if (!signed_at) {
    return fail(ErrorCode::incomplete_signature,
                "Date must be in ISO-8601 'basic format', for example 20261122T032008Z.");
  }
  if (!claim.amz_date.starts_with(claim.date) || claim.date.size() != 8) {
    return fail(
        ErrorCode::invalid_signature,
        fmt::format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                    "of date from HTTP: '{}' != '{}', from '{}'.",
                    claim.date, claim.amz_date.substr(0, 8), claim.amz_date));
  }
  constexpr auto mend = "Set the clock of the client, or of this gateway: they differ.";
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(skew);
  if (*signed_at < now - micros) {
    return fail(
        ErrorCode::invalid_signature,
        fmt::format("Signature expired: {} is now earlier than {} ({} - {})", claim.amz_date,
                    aws::amz_date(now - micros), aws::amz_date(now), spelled(skew)),
        mend);
  }
  if (*signed_at > now + micros) {
    return fail(
        ErrorCode::invalid_signature,
        fmt::format("Signature not yet current: {} is still later than {} ({} + {})",
                    claim.amz_date, aws::amz_date(now + micros), aws::amz_date(now), spelled(skew)),
        mend);
  }
  return {};
}

}  // namespace

Authenticator::Authenticator(std::string region, Duration clock_skew)
    : region_(std::move(region)), clock_skew_(clock_skew) {}

Result<ClaimedIdentity> Authenticator::check_head(const http::RequestHead& head,
                                                  std::string_view expected_service,
                                                  const KeyTable& keys, WallTime now,
                                                  ApiKeyHeaders accepted) {
  TRY_VOID(check_target(head));
  TRY(auto claim, parse_claim(head, accepted));
  if (claim.api_key) {
    TRY(const ApiKey* key, find_api_key(*claim.api_key, keys));
    TRY_VOID(check_expiry(*key, now));
    return claim;
  }
  if (claim.short_term) {
    TRY_VOID(check_short_term(claim, keys, now));
    return claim;
  }
  TRY_VOID(check_clock(claim, clock_skew_, now));
  TRY_VOID(check_signed_headers(head, claim));
  if (claim.region != region_) {
    return fail(ErrorCode::invalid_signature, "Credential should be scoped to a valid region. ",
                fmt::format("This gateway is Region {}: set the client's Region to it.", region_));
  }
  if (claim.service != expected_service) {
    return fail(
        ErrorCode::invalid_signature,
        fmt::format("Credential should be scoped to correct service: '{}'. ", expected_service));
  }
  if (claim.key_id.starts_with("ASIA") || head.headers.get("x-amz-security-token")) {
    return unrecognized(
        "Temporary credentials come in a later version of tidegate: use an access key without a "
        "session token.");
  }
  const AccessKey* key = keys.key(claim.key_id);
  if (!key || !key->active) {
    // As much work as a bad signature costs, so that the time does not tell more than the answer.
    (void)expected_signature(claim, head, Sha256{}, decoy_);
    return unrecognized();
  }
  return claim;
}

Result<Principal> Authenticator::verify(const ClaimedIdentity& claim, const http::RequestHead& head,
                                        const Sha256& body_hash, const KeyTable& keys) {
  if (claim.api_key) {
    TRY(const ApiKey* key, find_api_key(*claim.api_key, keys));
    return Principal(*keys.principal(key->principal_arn), Credential::api_key, key->key_id);
  }
  if (claim.short_term) return verify_short_term(claim, keys);
  if (!claim.payload_hash.empty() && claim.payload_hash != to_hex(body_hash)) {
    return fail(ErrorCode::invalid_signature,
                "The value of x-amz-content-sha256 is not the SHA-256 of the body.",
                "Do not change the body after signing it.");
  }
  // The table may be a newer one than check_head() saw.
  const AccessKey* key = keys.key(claim.key_id);
  const PrincipalRecord* principal = key ? keys.principal(key->principal_arn) : nullptr;
  const bool known = key && key->active && principal;
  const Sha256 expected =
      expected_signature(claim, head, body_hash, known ? derived_key(claim, key->secret) : decoy_);
  std::array<char, 64> digits;
  write_hex(view(expected), digits.data());
  const bool equal = constant_time_equal({digits.data(), digits.size()}, claim.signature);
  if (!known) return unrecognized();
  if (!equal) return mismatch();
  return Principal(*principal, Credential::access_key, key->key_id);
}

Result<void> Authenticator::check_short_term(const ClaimedIdentity& claim, const KeyTable& keys,
                                             WallTime now) {
  const ShortTermKey& key = *claim.short_term;
  if (claim.region != region_) {
    return fail(invalid_key(
        fmt::format("It was made for {} and opens that Region only: this gateway is {}.",
                    claim.region, region_)));
  }
  if (key.signed_at > now + std::chrono::duration_cast<std::chrono::microseconds>(clock_skew_))
    return fail(invalid_key(fmt::format("It is not in force before {}.", claim.amz_date)));
  const auto expires =
      key.signed_at + std::chrono::duration_cast<std::chrono::microseconds>(key.lifetime);
  if (now >= expires) {
    return fail(ErrorCode::invalid_api_key, "Bearer Token has expired",
                fmt::format("It was made at {} and expired at {}: make a new one.", claim.amz_date,
                            aws::iso8601(expires)));
  }
  TRY_VOID(verify_short_term(claim, keys));
  return {};
}

// All that it takes is in the head, so this is asked there; and once more when the body is here,
// because the table may be a newer one.
Result<Principal> Authenticator::verify_short_term(const ClaimedIdentity& claim,
                                                   const KeyTable& keys) {
  static const Sha256 no_body = sha256("");
  const AccessKey* key = keys.key(claim.key_id);
  const PrincipalRecord* principal = key ? keys.principal(key->principal_arn) : nullptr;
  const bool known = key && key->active && principal;
  const Sha256 expected = expected_signature(claim, claim.short_term->request, no_body,
                                             known ? derived_key(claim, key->secret) : decoy_);
  const bool equal = constant_time_equal(to_hex(expected), claim.signature);
  if (!known || !equal) return fail(invalid_key());
  return Principal(*principal, Credential::short_term_key, key->key_id);
}

Sha256 Authenticator::expected_signature(const ClaimedIdentity& claim,
                                         const http::RequestHead& head, const Sha256& body_hash,
                                         const HmacKey& key) {
  canonical_.clear();
  aws::append_canonical_request(canonical_, head, claim.signed_headers, body_hash);
  string_to_sign_.clear();
  aws::append_string_to_sign(string_to_sign_, claim.amz_date, claim.scope, canonical_);
  return key.sign(string_to_sign_);
}

std::unexpected<Error> Authenticator::mismatch() const {
  return fail(ErrorCode::invalid_signature,
              fmt::format("The request signature we calculated does not match the signature you "
                          "provided. Check your AWS Secret Access Key and signing method. Consult "
                          "the service documentation for details.\n\n"
                          "The Canonical String for this request should have been\n'{}'\n\n"
                          "The String-to-Sign should have been\n'{}'\n",
                          canonical_, string_to_sign_));
}

const HmacKey& Authenticator::derived_key(const ClaimedIdentity& claim, std::string_view secret) {
  key_name_.assign(claim.key_id).append(1, '/').append(claim.scope);
  if (const auto found = derived_.find(key_name_); found != derived_.end()) {
    if (constant_time_equal(found->second.secret, secret)) return found->second.key;
    derived_.erase(found);
  }
  // Yesterday's entries make up most of a full cache; beginning again costs five HMACs a live key.
  if (derived_.size() >= limits::derived_keys_max) derived_.clear();
  const Sha256 key = aws::signing_key(secret, claim.date, claim.region, claim.service);
  return derived_.emplace(key_name_, DerivedKey{std::string(secret), HmacKey(view(key))})
      .first->second.key;
}

}  // namespace tidegate::identity
