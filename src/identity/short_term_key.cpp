#include "identity/short_term_key.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "aws/arn.hpp"
#include "aws/sigv4.hpp"
#include "base/limits.hpp"
#include "identity/api_key.hpp"

namespace tidegate::identity {
namespace {

constexpr std::string_view prefix = "bedrock-api-key-";
constexpr std::string_view host = "bedrock.amazonaws.com";
constexpr std::string_view target_start = "/?";

std::unexpected<Error> invalid(std::string mend) {
  return fail(ErrorCode::invalid_api_key,
              "Authentication failed: Please make sure your API Key is valid.", std::move(mend));
}

// The parameters of the URL, each of which must be there once; `fixed` ones have one value.
struct Parameter {
  std::string_view name, fixed = {};
  std::optional<std::string> value = {};
};
enum Name : std::size_t {
  action,
  algorithm,
  credential,
  date,
  expires,
  signed_headers,
  signature,
  version
};
using Parameters = std::array<Parameter, version + 1>;

Result<Parameters> read_parameters(std::string_view query) {
  Parameters all{{{"Action", "CallWithBearerToken"},
                  {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
                  {"X-Amz-Credential"},
                  {"X-Amz-Date"},
                  {"X-Amz-Expires"},
                  {"X-Amz-SignedHeaders", "host"},
                  {"X-Amz-Signature"},
                  {"Version", "1"}}};
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view parameter = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const auto equals = parameter.find('=');
    const std::string_view name = parameter.substr(0, equals);
    if (name == "X-Amz-Security-Token") {
      return invalid(
          "It was made with temporary credentials, which this gateway does not know: make it with "
          "an access key.");
    }
    const auto known = std::ranges::find(all, name, &Parameter::name);
    auto value = equals == std::string_view::npos
                     ? std::nullopt
                     : aws::percent_decode(parameter.substr(equals + 1));
    if (known == all.end() || known->value || !value || value->empty())
      return invalid(fmt::format("Its presigned URL has a wrong parameter '{}'.", name));
    if (!known->fixed.empty() && *value != known->fixed) {
      return invalid(fmt::format("Its presigned URL has {} '{}'; a short-term key has '{}'.", name,
                                 *value, known->fixed));
    }
    known->value = *std::move(value);
  }
  for (const Parameter& parameter : all) {
    if (!parameter.value)
      return invalid(fmt::format("Its presigned URL has no parameter '{}'.", parameter.name));
  }
  return all;
}

// The query without what was added after signing.
std::string signed_query(std::string_view query) {
  std::string out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view parameter = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (parameter.starts_with("X-Amz-Signature=") || parameter.starts_with("Version=")) continue;
    out.append(out.empty() ? "" : "&").append(parameter);
  }
  return out;
}

// KEY/DATE/REGION/bedrock/aws4_request
Result<void> read_credential(std::string_view text, ShortTermKey& out) {
  std::array<std::string_view, 5> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto slash = i + 1 == parts.size() ? rest.size() : rest.find('/');
    if (slash == std::string_view::npos) return invalid("Its credential is incomplete.");
    parts[i] = rest.substr(0, slash);
    rest.remove_prefix(std::min(rest.size(), slash + 1));
  }
  if (parts[3] != "bedrock" || parts[4] != "aws4_request" || parts[0].empty())
    return invalid("It is signed for another service than bedrock.");
  out.key_id = parts[0];
  out.date = parts[1];
  out.region = parts[2];
  out.scope = text.substr(parts[0].size() + 1);
  return {};
}

}  // namespace

bool is_short_term_key(std::string_view text) {
  return text.starts_with(prefix);
}

Result<std::shared_ptr<const ShortTermKey>> parse_short_term_key(std::string_view text) {
  const auto url = text.size() <= limits::short_term_key_bytes_max
                       ? from_base64(text.substr(prefix.size()))
                       : std::nullopt;
  const std::string start = fmt::format("{}{}", host, target_start);
  if (!url || !url->starts_with(start))
    return invalid(
        "After bedrock-api-key- it is not the base64 of a URL of bedrock.amazonaws.com.");
  const std::string_view query = std::string_view(*url).substr(start.size());
  TRY(Parameters parameters, read_parameters(query));

  auto key = std::make_shared<ShortTermKey>();
  TRY_VOID(read_credential(*parameters[credential].value, *key));
  key->id = api_key_id(sha256(text));
  key->amz_date = *std::move(parameters[date].value);
  key->signature = *std::move(parameters[signature].value);
  const auto signed_at = aws::parse_amz_date(key->amz_date);
  if (!signed_at || key->date != key->amz_date.substr(0, 8))
    return invalid("Its date is not one, or is another than that of its credential.");
  key->signed_at = *signed_at;
  const std::string& life = *parameters[expires].value;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(life.data(), life.data() + life.size(), seconds);
  if (error != std::errc{} || end != life.data() + life.size() || seconds < 1 ||
      std::chrono::seconds(seconds) > limits::short_term_key_lifetime_max) {
    return invalid(fmt::format("It may hold for 1 to {} seconds, not '{}'.",
                               limits::short_term_key_lifetime_max.count(), life));
  }
  key->lifetime = std::chrono::seconds(seconds);
  key->request = {.method = "POST",
                  .target = fmt::format("{}{}", target_start, signed_query(query)),
                  .authority = {},
                  .headers = {{"host", std::string(host)}}};
  return key;
}

}  // namespace tidegate::identity
