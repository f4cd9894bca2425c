#include "proof/layers.hpp"

#include <fmt/format.h>

#include "aws/arn.hpp"
#include "base/limits.hpp"
#include "routing/routing.hpp"

namespace tidegate::proof {
namespace {

constexpr std::string_view operation = "Converse";
constexpr std::string_view account = "111122223333";
constexpr std::string_view body = "{}";
constexpr WallTime now = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};

}  // namespace

peer::RoutingToken best_token(const catalog::Catalog& catalog, const std::string& profile_id,
                              const catalog::RegionId& source) {
  const std::string digest = to_hex(sha256(body));
  peer::RoutingToken token{.jti = "1",
                           .request_id = "proof",
                           .source = source.str(),
                           .destination = {},
                           .profile = profile_id,
                           .profile_version = 1,
                           .row_hash = digest,
                           .subset = {},
                           .operation = std::string(operation),
                           .model_id = {},
                           .body_sha256 = digest,
                           .principal_hash = digest,
                           .expires_ms = millis(now.time_since_epoch() + limits::token_lifetime)};
  if (const catalog::Profile* profile = catalog.profile(profile_id)) {
    token.model_id = profile->model_id;
    if (const catalog::Row* row = profile->row(source)) {
      token.profile_version = row->version();
      token.row_hash = row->hash();
    }
  }
  return token;
}

SourceLayers::SourceLayers(std::shared_ptr<const catalog::Catalog> catalog) : signer_(catalog) {
  snapshot_.catalog = std::move(catalog);
}

Result<gateway::Target> SourceLayers::resolve(const std::string& profile,
                                              const catalog::RegionId& source) const {
  const auto none = [](std::string_view, std::string_view) {
    return gateway::ApplicationProfileTable::Profile();
  };
  const std::string arn = aws::inference_profile_arn(source.str(), account, profile);
  // As long ago as a clock can say: whatever ends later is served, so that its rows are asked, too.
  constexpr WallTime always = WallTime::min();
  Result<gateway::Target> by_id =
      gateway::resolve(profile, account, source, snapshot_, none, always);
  Result<gateway::Target> by_arn = gateway::resolve(arn, account, source, snapshot_, none, always);
  if (by_id && by_arn && by_id->row != by_arn->row) {
    return fail(ErrorCode::internal, "its id and its ARN come to two rows");
  }
  return by_id ? std::move(by_id) : std::move(by_arn);
}

Result<void> SourceLayers::place(const gateway::Target& target,
                                 const catalog::RegionId& destination) {
  const auto signals = [&](const catalog::RegionId& region) {
    routing::RegionSignals s;
    if (region != destination) return s;
    s.standing =
        region == target.row->source() ? routing::Standing::local : routing::Standing::linked;
    s.serves_model = s.ready = true;
    s.slots = 1;
    return s;
  };
  const auto decision = routing::choose(
      *target.row, signals,
      {.model_id = target.model_id, .tried = {}, .subset = target.subset.get()}, ties_);
  if (!decision.destination) return fail(ErrorCode::fence_refused, "not a candidate");
  if (decision.destination->region() == destination) return {};
  // Nobody else has room: a router that places it elsewhere is not to be believed here either.
  return fail(ErrorCode::fence_refused,
              fmt::format("placed in {}, which has no room", decision.destination->region().str()));
}

Result<void> SourceLayers::sign(const peer::RoutingToken& token) const {
  static const std::string secret(32, 's');
  TRY_VOID(signer_.sign(token, secret));
  return {};
}

DestinationLayers::DestinationLayers(std::shared_ptr<const catalog::Catalog> catalog) {
  std::size_t uses = 0;  // each token once, and only those that are let in
  for (const auto& [id, profile] : catalog->profiles()) {
    for (const auto& [source, row] : profile.rows) uses += row.destinations().size();
  }
  const auto replay = std::make_shared<peer::ReplayTable>(uses);
  for (const catalog::RegionInfo& region : catalog->regions()) {
    const auto admission = [&](bool granted) {
      return peer::Admission(catalog, region.id, replay, granted);
    };
    doors_.emplace(region.id.str(), Door{admission(true), admission(false)});
  }
}

Result<void> DestinationLayers::ask(const peer::Admission& admission, peer::RoutingToken& token) {
  static const Sha256 body_hash = sha256(body);
  token.jti = std::to_string(++asked_);
  return admission.admit({.peer_region = token.source,
                          .token = token,
                          .body_hash = body_hash,
                          .operation = operation,
                          .now = now});
}

Result<void> DestinationLayers::admit(peer::RoutingToken& token) {
  return ask(doors_.at(token.destination).granted, token);
}

Result<void> DestinationLayers::admit_without_grant(peer::RoutingToken& token) {
  return ask(doors_.at(token.destination).not_granted, token);
}

}  // namespace tidegate::proof
