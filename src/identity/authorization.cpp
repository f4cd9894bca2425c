#include "identity/authorization.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "aws/arn.hpp"
#include "aws/sigv4.hpp"

namespace tidegate::identity {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

std::unexpected<Error> incomplete(std::string message, std::string mend = {}) {
  return fail(ErrorCode::incomplete_signature, std::move(message), std::move(mend));
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals_ascii(text.substr(0, prefix.size()), prefix);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return part;
}

bool is_dot_segment(std::string_view segment) {
  std::size_t dots = 0;
  while (!segment.empty()) {
    if (segment.front() == '.') {
      segment.remove_prefix(1);
    } else if (starts_with_ignoring_case(segment, "%2e")) {
      segment.remove_prefix(3);
    } else {
      return false;
    }
    ++dots;
  }
  return dots == 1 || dots == 2;
}

// X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Security-Token: a presigned URL.
bool has_query_signature(std::string_view query) {
  while (!query.empty()) {
    const std::string_view parameter = take_until(query, '&');
    const std::string_view name = parameter.substr(0, parameter.find('='));
    if (starts_with_ignoring_case(name, "x-amz-")) return true;
    if (name.find('%') == std::string_view::npos) continue;
    const auto decoded = aws::percent_decode(name);
    if (decoded && starts_with_ignoring_case(*decoded, "x-amz-")) return true;
  }
  return false;
}

struct Parts {
  std::string_view credential, signed_headers, signature;
};

Result<Parts> split_authorization(std::string_view header, bool has_date) {
  const auto malformed = [&](std::string why) {
    // AWS repeats the header hashed, so that no credential of another scheme is sent back in clear.
    return incomplete(
        fmt::format("{}(Hashed with SHA-256 and encoded with Base64) Authorization={}", why,
                    to_base64(view(sha256(header)))));
  };
  Parts parts;
  std::string_view rest = header.substr(algorithm.size());
  while (!rest.empty()) {
    std::string_view value = trimmed(take_until(rest, ','));
    const std::string_view name = take_until(value, '=');
    std::string_view* slot = name == "Credential"      ? &parts.credential
                             : name == "SignedHeaders" ? &parts.signed_headers
                             : name == "Signature"     ? &parts.signature
                                                       : nullptr;
    if (!slot || !slot->empty()) {
      return malformed("Authorization header has a parameter that is unknown or repeated. ");
    }
    *slot = value;
  }
  std::string missing;
  if (parts.credential.empty()) missing += "Authorization header requires 'Credential' parameter. ";
  if (parts.signature.empty()) missing += "Authorization header requires 'Signature' parameter. ";
  if (parts.signed_headers.empty()) {
    missing += "Authorization header requires 'SignedHeaders' parameter. ";
  }
  if (!has_date) {
    missing += "Authorization header requires existence of a 'X-Amz-Date' header. ";
  }
  if (!missing.empty()) return malformed(std::move(missing));
  return parts;
}

Result<void> split_credential(std::string_view credential, ClaimedIdentity& claim) {
  std::array<std::string_view, 5> parts;
  std::string_view rest = credential;
  for (auto& part : parts) part = take_until(rest, '/');
  if (std::ranges::count(credential, '/') != 4 ||
      std::ranges::any_of(parts, &std::string_view::empty)) {
    return incomplete(
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term.");
  }
  if (parts[4] != "aws4_request") {
    return fail(ErrorCode::invalid_signature,
                "Credential should be scoped with a valid terminator: 'aws4_request'.");
  }
  claim.key_id = parts[0];
  claim.date = parts[1];
  claim.region = parts[2];
  claim.service = parts[3];
  claim.scope = credential.substr(parts[0].size() + 1);
  return {};
}

// Strictly ascending, which also excludes repetitions: the one order in which AWS itself builds the
// canonical form.
Result<void> split_signed_headers(std::string_view names, ClaimedIdentity& claim) {
  claim.signed_headers = names;
  bool plain = !names.empty() && names.back() != ';' && std::ranges::none_of(names, [](char c) {
    return c <= ' ' || (c >= 'A' && c <= 'Z');
  });
  for (std::string_view last; plain && !names.empty();) {
    const std::string_view name = aws::take_name(names);
    plain = name > last;  // also: not empty
    last = name;
  }
  if (!plain) return incomplete("SignedHeaders must be lower-case names, sorted, each once.");
  return {};
}

// Empty: there is none in a header that is accepted.
std::string_view presented_api_key(std::optional<std::string_view> authorization,
                                   std::optional<std::string_view> x_api_key,
                                   ApiKeyHeaders accepted) {
  constexpr std::string_view scheme = "bearer ";
  if (accepted == ApiKeyHeaders::none) return {};
  if (authorization) {
    return starts_with_ignoring_case(*authorization, scheme)
               ? trimmed(authorization->substr(scheme.size()))
               : std::string_view{};
  }
  return accepted == ApiKeyHeaders::bearer_or_x_api_key ? x_api_key.value_or("")
                                                        : std::string_view{};
}

Result<ClaimedIdentity> claim_of_short_term_key(std::string_view text) {
  TRY(const auto key, parse_short_term_key(text));
  ClaimedIdentity claim;
  claim.key_id = key->key_id;
  claim.date = key->date;
  claim.region = key->region;
  claim.service = "bedrock";
  claim.scope = key->scope;
  claim.amz_date = key->amz_date;
  claim.signed_headers = "host";
  claim.signature = key->signature;
  claim.short_term = key;
  return claim;
}

}  // namespace

Result<void> check_target(const http::RequestHead& head) {
  const auto refuse = [] {
    return fail(
        ErrorCode::validation,
        "The request target has an empty, '.' or '..' segment, or is not a path.",
        "Send the path as an AWS SDK builds it, without a double slash or a slash at its end.");
  };
  std::string_view rest = head.path();
  if (rest.empty() || rest.front() != '/') return refuse();
  if (rest == "/") return {};
  if (rest.back() == '/') return refuse();
  rest.remove_prefix(1);
  while (!rest.empty()) {
    const std::string_view segment = take_until(rest, '/');
    if (segment.empty() || is_dot_segment(segment)) return refuse();
  }
  return {};
}

Result<ClaimedIdentity> parse_claim(const http::RequestHead& head, ApiKeyHeaders accepted) {
  std::optional<std::string_view> authorization, date, content_hash, x_api_key;
  bool repeated = false;
  for (const http::Header& header : head.headers) {
    if (iequals_ascii(header.name, "authorization")) {
      repeated |= authorization.has_value();
      authorization = trimmed(header.value);
    } else if (iequals_ascii(header.name, "x-amz-date")) {
      date = trimmed(header.value);
    } else if (iequals_ascii(header.name, "x-amz-content-sha256")) {
      content_hash = trimmed(header.value);
    } else if (iequals_ascii(header.name, "x-api-key")) {
      repeated |= x_api_key.has_value();
      x_api_key = trimmed(header.value);
    }
  }
  if (has_query_signature(head.query())) {
    return incomplete(
        "Authentication in the query string is not accepted.",
        "Send the signature in the Authorization header; presigned URLs are not offered.");
  }
  if (repeated)
    return incomplete("The request has more than one Authorization or x-api-key header.");
  if (!authorization || !authorization->starts_with("AWS4-")) {
    ClaimedIdentity claim;
    const std::string_view api_key = presented_api_key(authorization, x_api_key, accepted);
    if (is_short_term_key(api_key)) return claim_of_short_term_key(api_key);
    if (!api_key.empty()) {
      claim.api_key = sha256(api_key);
      return claim;
    }
    return fail(
        ErrorCode::missing_authentication, "Missing Authentication Token",
        accepted == ApiKeyHeaders::none
            ? "Sign the request with an access key: API keys open Bedrock's operations only."
            : "");
  }
  if (!authorization->starts_with(algorithm) || authorization->size() == algorithm.size() ||
      (*authorization)[algorithm.size()] != ' ') {
    return incomplete("Unsupported signing algorithm. (Expected AWS4-HMAC-SHA256)");
  }
  TRY(const Parts parts, split_authorization(*authorization, date.has_value()));
  ClaimedIdentity claim;
  TRY_VOID(split_credential(parts.credential, claim));
  TRY_VOID(split_signed_headers(parts.signed_headers, claim));
  claim.amz_date = *date;
  claim.signature = parts.signature;
  claim.payload_hash = content_hash.value_or("");
  if (claim.payload_hash.starts_with("UNSIGNED-") || claim.payload_hash.starts_with("STREAMING-")) {
    return fail(ErrorCode::invalid_signature,
                fmt::format("x-amz-content-sha256 '{}' is not accepted.", claim.payload_hash),
                "Sign the SHA-256 of the whole body.");
  }
  return claim;
}

Result<void> check_signed_headers(const http::RequestHead& head, const ClaimedIdentity& claim) {
  const auto is_signed = [&](std::string_view name) {
    for (std::string_view rest = claim.signed_headers; !rest.empty();) {
      if (iequals_ascii(aws::take_name(rest), name)) return true;
    }
    return false;
  };
  if (!is_signed("host") && !is_signed(":authority")) {
    return fail(ErrorCode::invalid_signature,
                "'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const http::Header& header : head.headers) {
    if (starts_with_ignoring_case(header.name, "x-amz-") && !is_signed(header.name)) {
      return fail(ErrorCode::invalid_signature,
                  fmt::format("'{}' must be a 'SignedHeader' in the AWS Authorization.",
                              to_lower_ascii(header.name)));
    }
  }
  for (std::string_view rest = claim.signed_headers; !rest.empty();) {
    const std::string_view name = aws::take_name(rest);
    if (head.headers.count(name) > 1) {
      return fail(ErrorCode::invalid_signature,
                  fmt::format("The signed header '{}' is in the request more than once.", name),
                  "Send every signed header once.");
    }
  }
  return {};
}

}  // namespace tidegate::identity
