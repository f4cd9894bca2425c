// The routing token's two ends.
#include "peer/token.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "base/sabotage.hpp"
#include "peer/packed.hpp"
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

bool is_well_formed(const RoutingToken& t) {
  return !t.jti.empty() && !t.request_id.empty() && !t.operation.empty() && t.expires_ms > 0;
}

}  // namespace

template <class Codec, Is<RoutingToken> Token>
void pack(Codec& codec, Token& t) {
  codec.version(RoutingToken::version);
  codec.text(t.jti);
  codec.text(t.request_id);
  codec.text(t.source);
  codec.text(t.destination);
  codec.text(t.profile);
  codec.number(t.profile_version);
  codec.digest(t.row_hash);
  codec.texts(t.subset);
  codec.text(t.operation);
  codec.text(t.model_id);
  codec.digest(t.body_sha256);
  codec.digest(t.principal_hash);
  codec.number(t.expires_ms);
}

Result<NamedRow> TokenSigner::row_of(const RoutingToken& token) const {
  const catalog::Profile* profile = catalog_->profile(token.profile);
  if (!profile) {
    return refuse("unknown_profile",
                  fmt::format("{} is not a profile: it never leaves its Region", token.profile));
  }
  if (profile->version != token.profile_version) {
    profile = catalog_->profile(token.profile, token.profile_version);
    if (!profile) {
      return refuse("row_version",
                    fmt::format("{} has no version {}", token.profile, token.profile_version));
    }
  }
  const catalog::Row* row = profile->row(catalog::RegionId(token.source));
  if (!row)
    return refuse("no_row", fmt::format("{} has no row for {}", token.profile, token.source));
  if (row->digest() != token.row_hash) {
    return refuse("row_hash", fmt::format("the row of {} is not the catalogue's", token.profile));
  }
  if (token.model_id != profile->model_id) {
    return refuse("model", fmt::format("{} is not the model of {}", token.model_id, token.profile));
  }
  return NamedRow{.profile = profile, .row = row};
}

Result<void> TokenSigner::check_destination(const NamedRow& named,
                                            const RoutingToken& token) const {
  const catalog::Row& row = *named.row;
  const catalog::RegionId destination(token.destination);
  if (token.destination == token.source || !row.find(destination)) {
    return refuse("not_in_row", fmt::format("{} is not a destination of {} from {}",
                                            token.destination, token.profile, token.source));
  }
  // A wrong row is in the same document, but seldom in the same place.
  const catalog::Geography* geography = catalog_->geography(named.profile->geography);
  if (!geography ||
      (!geography->everywhere() && !std::ranges::binary_search(geography->regions, destination))) {
    return refuse("outside_geography",
                  fmt::format("the row of {} leads out of its geography, to {}", token.profile,
                              token.destination));
  }
  for (const std::string& region : token.subset) {
    if (!row.find(catalog::RegionId(region))) {
      return refuse("subset_widens",
                    fmt::format("{} is outside the row of {}", region, token.profile));
    }
  }
  if (!token.subset.empty() &&
      std::ranges::find(token.subset, token.destination) == token.subset.end()) {
    return refuse("not_in_subset",
                  fmt::format("{} is outside the caller's part of the row", token.destination));
  }
  return {};
}

Result<SealedToken> TokenSigner::sign(const RoutingToken& token,
                                      const std::optional<HmacKey>& link_key) const {
  if (!sabotage::off(sabotage::Layer::signer)) {
    TRY(const NamedRow named, row_of(token));
    TRY_VOID(check_destination(named, token));
  }
  if (!link_key || !is_well_formed(token)) {
    return refuse("malformed", "the routing token is not complete");
  }
  SealedToken out = seal(label, packed(token), *link_key);
  if (out.bytes.size() > limits::token_bytes_max)
    return refuse("malformed", "the routing token is too long");
  return out;
}

Result<OpenedToken> open_token(std::string_view sealed, const std::optional<HmacKey>& link_key) {
  const auto unsealed = unseal(label, sealed, link_key, limits::token_bytes_max);
  if (!unsealed) return refuse("mac", "the routing token was not made for this link");
  OpenedToken out{.token = {}, .leaf = unsealed->leaf};
  if (!unpack(unsealed->document, out.token) || !is_well_formed(out.token)) {
    return refuse("malformed",
                  "the routing token is not a whole one of version 1: do both Regions run versions "
                  "of tidegate that understand each other?");
  }
  return out;
}

attest::Attestation attestation_of(const RoutingToken& token, const Sha256& token_leaf,
                                   const Sha256& answer, std::string_view outcome,
                                   std::int64_t at_ms) {
  return {.request_id = token.request_id,
          .source = token.source,
          .destination = token.destination,
          .row_hash = token.row_hash,
          .body = token.body_sha256,
          .answer = answer,
          .token = token_leaf,
          .outcome = outcome,
          .at_ms = at_ms};
}

}  // namespace tidegate::peer
