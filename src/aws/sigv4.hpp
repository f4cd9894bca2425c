// Signature Version 4: canonical request, string to sign, signing key. Used to verify (identity/)
// and to sign (replay, tests, back-ends). The canonical URI is the raw path percent-encoded once
// more, as Bedrock's SDKs sign it: "%3A" becomes "%253A".
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "http/message.hpp"

namespace tidegate::aws {

// `signed_headers` are lower-case names as SigV4 lists them, "host;x-amz-date"; over HTTP/2 "host"
// falls back to :authority, and ":authority" may be signed. The append_ functions are for a buffer
// that is used again.
void append_canonical_request(std::string& out, const http::RequestHead& head,
                              std::string_view signed_headers, const Sha256& payload_hash);
std::string canonical_request(const http::RequestHead& head, std::string_view signed_headers,
                              const Sha256& payload_hash);
void append_string_to_sign(std::string& out, std::string_view amz_date, std::string_view scope,
                           std::string_view canonical);
std::string string_to_sign(std::string_view amz_date, std::string_view scope,
                           std::string_view canonical);
// The first of the names in a list like `signed_headers`, taken off it.
inline std::string_view take_name(std::string_view& names) {
  const auto end = names.find(';');
  const std::string_view name = names.substr(0, end);
  names = end == std::string_view::npos ? std::string_view{} : names.substr(end + 1);
  return name;
}
Sha256 signing_key(std::string_view secret, std::string_view date, std::string_view region,
                   std::string_view service);

struct Credentials {
  std::string key_id, secret;
  std::string session_token{};  // of temporary ones
};
// Adds x-amz-date, authorization and, of temporary credentials, x-amz-security-token. Signs host,
// content-type (if there) and every x-amz-* header.
void sign(http::RequestHead& head, std::string_view body, const Credentials& credentials,
          std::string_view region, std::string_view service, WallTime now);

std::string amz_date(WallTime t);  // "20261122T032008Z"
std::optional<WallTime> parse_amz_date(std::string_view text);
std::string iso8601(WallTime t);         // "2026-11-22T03:20:08Z"
std::string iso8601_millis(WallTime t);  // "2026-11-22T03:20:08.123Z"
std::optional<WallTime> parse_iso8601(std::string_view text);

}  // namespace tidegate::aws
