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
// As long ago as a clock can say: whatever ends later is served, so that its rows are asked, too.
constexpr WallTime always = WallTime::min();

}  // namespace

peer::RoutingToken best_token(const std::string& profile_id, const std::string& model_id,
                              const catalog::Profile* profile) {
  const Sha256 digest = sha256(body);
  return {.jti = "1",
          .request_id = "proof",
          .source = {},
          .destination = {},
          .profile = profile_id,
          .profile_version = profile ? profile->version : 1,
          .row_hash = digest,
          .subset = {},
          .operation = std::string(operation),
          .model_id = profile ? profile->model_id : model_id,
          .body_sha256 = digest,
          .principal_hash = digest,
          .expires_ms = millis(now.time_since_epoch() + limits::token_lifetime)};
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
  Result<gateway::Target> by_id =
      gateway::resolve(profile, account, source, snapshot_, none, always);
  Result<gateway::Target> by_arn = gateway::resolve(arn, account, source, snapshot_, none, always);
  if (by_id && by_arn && by_id->row != by_arn->row) {
    return fail(ErrorCode::internal, "its id and its ARN come to two rows");
  }
  return by_id ? std::move(by_id) : std::move(by_arn);
}

Result<gateway::Target> SourceLayers::resolve(const api::ApplicationProfile& application,
                                              const catalog::RegionId& source,
                                              const gateway::FindApplicationProfile& find) const {
  return gateway::resolve(
      api::application_profile_arn(source.str(), application.account, application.id),
      application.account, source, snapshot_, find, always);
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

const std::vector<bool>& SourceLayers::placements(const gateway::Target& target) {
  std::string key = target.row->source().str();
  for (const auto& destination : target.row->destinations()) {
    key += ' ';
    key += destination.region().str();
  }
  const auto [at, is_new] = placed_.try_emplace(std::move(key));
  if (is_new) {
    for (const catalog::RegionInfo& region : snapshot_.catalog->regions()) {
      at->second.push_back(place(target, region.id).has_value());
    }
  }
  return at->second;
}

Result<void> SourceLayers::sign(const peer::RoutingToken& token) const {
  static const std::optional<HmacKey> key{HmacKey(std::string(32, 's'))};
  TRY_VOID(signer_.sign(token, key));
  return {};
}

DestinationLayers::DestinationLayers(std::shared_ptr<const catalog::Catalog> catalog,
                                     std::size_t tokens_max) {
  const auto replay = std::make_shared<peer::ReplayTable>(tokens_max);
  for (const catalog::RegionInfo& region : catalog->regions()) {
    const auto admission = [&](bool granted) {
      return peer::Admission(catalog, region.id, replay, granted);
    };
    doors_.push_back({admission(true), admission(false)});
  }
}

Result<void> DestinationLayers::admit(std::size_t region, peer::RoutingToken& token) {
  static const Sha256 body_hash = sha256(body);
  token.jti = std::to_string(++asked_);
  return doors_[region].granted.admit(
      {.peer_region = token.source, .token = token, .body_hash = body_hash, .now = now});
}

}  // namespace tidegate::proof
