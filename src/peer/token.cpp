// The routing token's two ends. Strictness on the way in is one comparison: what was read is
// written again and must be what came.
#include "peer/token.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "peer/seal.hpp"

namespace tidegate::peer {
namespace {

constexpr std::string_view label = "tidegate routing token 1";

std::unexpected<Error> refuse(std::string_view rule, std::string sentence) {
  return fail(Error{.code = ErrorCode::fence_refused,
                    .message = std::move(sentence),
                    .mend = {},
                    .why = std::string(rule)});
}

std::string encode(const RoutingToken& t) {
  std::string out;
  ObjectWriter w(out);
  w.add("body", t.body_sha256);
  w.add("dst", t.destination);
  w.add("exp", t.expires_ms);
  w.add("jti", t.jti);
  w.add("model", t.model_id);
  w.add("op", t.operation);
  w.add("principal", t.principal_hash);
  w.add("profile", t.profile);
  w.add("pv", std::uint64_t{t.profile_version});
  w.add("rid", t.request_id);
  w.add("row", t.row_hash);
  w.add("src", t.source);
  w.add("subset", t.subset);
  w.add("v", std::int64_t{RoutingToken::version});
  w.end();
  return out;
}

RoutingToken decode(const json::object& o) {
  return {.jti = text_of(o, "jti"),
          .request_id = text_of(o, "rid"),
          .source = text_of(o, "src"),
          .destination = text_of(o, "dst"),
          .profile = text_of(o, "profile"),
          .profile_version = static_cast<std::uint32_t>(unsigned_of(o, "pv")),
          .row_hash = text_of(o, "row"),
          .subset = texts_of(o, "subset"),
          .operation = text_of(o, "op"),
          .model_id = text_of(o, "model"),
          .body_sha256 = text_of(o, "body"),
          .principal_hash = text_of(o, "principal"),
          .expires_ms = integer_of(o, "exp")};
}

bool is_well_formed(const RoutingToken& t) {
  return !t.jti.empty() && !t.request_id.empty() && !t.operation.empty() && t.expires_ms > 0 &&
         is_hex_digest(t.row_hash) && is_hex_digest(t.body_sha256) &&
         is_hex_digest(t.principal_hash);
}

}  // namespace

Result<std::string> TokenSigner::sign(const RoutingToken& token,
                                      std::string_view link_secret) const {
  const catalog::Profile* profile = catalog_->profile(token.profile);
  if (!profile) {
    return refuse("unknown_profile",
                  fmt::format("{} is not a profile: it never leaves its Region", token.profile));
  }
  const catalog::Row* row = profile->row(catalog::RegionId(token.source));
  if (!row)
    return refuse("no_row", fmt::format("{} has no row for {}", token.profile, token.source));
  if (row->version() != token.profile_version || row->hash() != token.row_hash) {
    return refuse("row_hash", fmt::format("the row of {} is not the catalogue's", token.profile));
  }
  if (token.destination == token.source || !row->find(catalog::RegionId(token.destination))) {
    return refuse("not_in_row", fmt::format("{} is not a destination of {} from {}",
                                            token.destination, token.profile, token.source));
  }
  for (const std::string& region : token.subset) {
    if (!row->find(catalog::RegionId(region))) {
      return refuse("subset_widens",
                    fmt::format("{} is outside the row of {}", region, token.profile));
    }
  }
  if (!token.subset.empty() &&
      std::ranges::find(token.subset, token.destination) == token.subset.end()) {
    return refuse("not_in_subset",
                  fmt::format("{} is outside the caller's part of the row", token.destination));
  }
  if (token.model_id != profile->model_id) {
    return refuse("model", fmt::format("{} is not the model of {}", token.model_id, token.profile));
  }
  if (link_secret.size() < 32 || !is_well_formed(token)) {
    return refuse("malformed", "the routing token is not complete");
  }
  std::string wire = seal(label, encode(token), link_secret);
  if (wire.size() > limits::token_bytes_max)
    return refuse("malformed", "the routing token is too long");
  return wire;
}

Result<RoutingToken> open_token(std::string_view wire, std::string_view link_secret) {
  const auto text = unseal(label, wire, link_secret, limits::token_bytes_max);
  if (!text) return refuse("mac", "the routing token was not made for this link");
  const auto document = json::parse(*text);
  if (!document || !document->is_object())
    return refuse("malformed", "the routing token is not JSON");
  RoutingToken token = decode(document->get_object());
  if (encode(token) != *text || !is_well_formed(token)) {
    return refuse("malformed", "the routing token is not in its canonical form");
  }
  return token;
}

}  // namespace tidegate::peer
