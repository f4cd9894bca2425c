#include "aws/sigv4.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/byte_blocks.hpp"

namespace tidegate::aws {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

constexpr auto byte_set(auto contains) {
  std::array<bool, 256> set{};
  for (int c = 0; c < 256; ++c) set[static_cast<std::size_t>(c)] = contains(c);
  return set;
}
constexpr bool is_unreserved(int c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}
constexpr auto kept_in_path = byte_set([](int c) { return is_unreserved(c) || c == '/'; });
// A query comes percent-encoded already and is signed as it came; only bytes that no URI may hold
// are encoded.
constexpr auto kept_in_query = byte_set([](int c) { return c > 0x20 && c < 0x7f; });

void append_encoded(std::string& out, std::string_view text, const std::array<bool, 256>& kept) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto b = static_cast<unsigned char>(text[i]);
    if (kept[b]) continue;
    out.append(text, start, i - start);
    out += {'%', hex[b >> 4], hex[b & 15]};
    start = i + 1;
  }
  out.append(text, start);
}

void append_query(std::string& out, std::string_view query) {
  if (query.empty()) return;
  std::vector<std::pair<std::string_view, std::string_view>> parameters;
  for (bool more = true; more;) {
    const auto end = query.find('&');
    const auto parameter = query.substr(0, end);
    const auto equals = parameter.find('=');
    parameters.emplace_back(parameter.substr(0, equals), equals == std::string_view::npos
                                                             ? std::string_view{}
                                                             : parameter.substr(equals + 1));
    more = end != std::string_view::npos;
    if (more) query.remove_prefix(end + 1);
  }
  std::ranges::sort(parameters);
  bool first = true;
  for (const auto& [name, value] : parameters) {
    if (!std::exchange(first, false)) out += '&';
    append_encoded(out, name, kept_in_query);
    out += '=';
    append_encoded(out, value, kept_in_query);
  }
}

// Trimmed, and each run of white space inside is one space.
void append_header_value(std::string& out, std::string_view value) {
  // As most are: nothing to trim.
  if (has_none(value, [](auto v) { return v <= ' '; })) {
    out += value;
    return;
  }
  constexpr std::string_view space = " \t\r\n";
  for (bool first = true;; first = false) {
    const auto start = value.find_first_not_of(space);
    if (start == std::string_view::npos) return;
    if (!first) out += ' ';
    value.remove_prefix(start);
    const auto end = value.find_first_of(space);
    out += value.substr(0, end);
    if (end == std::string_view::npos) return;
    value.remove_prefix(end);
  }
}

void append_header(std::string& out, const http::RequestHead& head, std::string_view name) {
  out += name;
  out += ':';
  bool found = false;
  if (name == ":authority") {
    append_header_value(out, head.authority);
    found = true;
  } else {
    for (const http::Header& header : head.headers) {
      if (!iequals_ascii(header.name, name)) continue;
      if (std::exchange(found, true)) out += ',';
      append_header_value(out, header.value);
    }
  }
  if (!found && name == "host") append_header_value(out, head.authority);
  out += '\n';
}

}  // namespace

void append_canonical_request(std::string& out, const http::RequestHead& head,
                              std::string_view signed_headers, const Sha256& payload_hash) {
  out += head.method;
  out += '\n';
  append_encoded(out, head.path(), kept_in_path);
  out += '\n';
  append_query(out, head.query());
  out += '\n';
  for (std::string_view rest = signed_headers; !rest.empty();)
    append_header(out, head, take_name(rest));
  out += '\n';
  out += signed_headers;
  out += '\n';
  append_hex(out, view(payload_hash));
}

std::string canonical_request(const http::RequestHead& head, std::string_view signed_headers,
                              const Sha256& payload_hash) {
  std::string out;
  append_canonical_request(out, head, signed_headers, payload_hash);
  return out;
}

void append_string_to_sign(std::string& out, std::string_view date, std::string_view scope,
                           std::string_view canonical) {
  out += algorithm;
  out += '\n';
  out += date;
  out += '\n';
  out += scope;
  out += '\n';
  append_hex(out, view(sha256(canonical)));
}

std::string string_to_sign(std::string_view date, std::string_view scope,
                           std::string_view canonical) {
  std::string out;
  append_string_to_sign(out, date, scope, canonical);
  return out;
}

Sha256 signing_key(std::string_view secret, std::string_view date, std::string_view region,
                   std::string_view service) {
  std::string first = "AWS4";
  first += secret;
  const Sha256 of_date = hmac_sha256(first, date);
  const Sha256 of_region = hmac_sha256(view(of_date), region);
  const Sha256 of_service = hmac_sha256(view(of_region), service);
  return hmac_sha256(view(of_service), "aws4_request");
}

void sign(http::RequestHead& head, std::string_view body, const Credentials& credentials,
          std::string_view region, std::string_view service, WallTime now) {
  const std::string moment = amz_date(now);
  const std::string date = moment.substr(0, 8);
  head.headers.erase("authorization");
  head.headers.set("x-amz-date", moment);
  if (!credentials.session_token.empty())
    head.headers.set("x-amz-security-token", credentials.session_token);

  std::vector<std::string> names{"host"};
  for (const http::Header& header : head.headers) {
    std::string name = to_lower_ascii(header.name);
    if (name == "content-type" || name.starts_with("x-amz-")) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());

  std::string scope = date;
  for (const std::string_view part : {region, service, std::string_view("aws4_request")}) {
    scope += '/';
    scope += part;
  }
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ";") + name;
  const std::string canonical = canonical_request(head, list, sha256(body));
  const Sha256 key = signing_key(credentials.secret, date, region, service);
  const Sha256 signature = hmac_sha256(view(key), string_to_sign(moment, scope, canonical));

  std::string value(algorithm);
  value += " Credential=" + credentials.key_id + '/' + scope + ", SignedHeaders=" + list +
           ", Signature=" + to_hex(signature);
  head.headers.add("authorization", value);
}

}  // namespace tidegate::aws
