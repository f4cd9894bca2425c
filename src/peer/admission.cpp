// The rules, one after the other, each against this Region's own catalogue. Nothing here calls what
// signed the token.
#include "peer/admission.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "base/sabotage.hpp"

namespace tidegate::peer {
namespace {

std::unexpected<Error> refuse(std::string_view rule, std::string sentence) {
  return fail(Error{.code = ErrorCode::fence_refused,
                    .message = std::move(sentence),
                    .mend = {},
                    .why = std::string(rule)});
}

std::int64_t unix_ms(WallTime t) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

// The names that this catalogue allows for the token's profile and source. Both lists are sorted;
// of one that were not, a search may miss a Region, and never finds one that is not there.
bool allows(const catalog::Row& row, std::string_view region) {
  return std::ranges::binary_search(
      row.destinations(), region, {},
      [](const auto& destination) -> std::string_view { return destination.region().str(); });
}

}  // namespace

Admission::Admission(std::shared_ptr<const catalog::Catalog> catalog, catalog::RegionId self,
                     std::shared_ptr<ReplayTable> replay, bool global_profiles_granted)
    : catalog_(std::move(catalog)),
      self_(std::move(self)),
      replay_(std::move(replay)),
      global_profiles_granted_(global_profiles_granted) {}

Result<void> Admission::admit(const AdmissionQuestion& question) const {
  if (sabotage::off(sabotage::Layer::admission)) return {};
  const auto entry = replay_->entry(question.token.jti, question.token.expires_ms);
  TRY_VOID(check_request(question));
  TRY(const NamedRow named, row_of(question.token));
  TRY_VOID(check_destination(named, question.token));
  // Last, so that only what would have run uses a token up.
  switch (replay_->use(entry)) {
    case ReplayTable::Seen::fresh:
      return {};
    case ReplayTable::Seen::replayed:
      return refuse("replayed", "the routing token was used before");
    case ReplayTable::Seen::full:
      break;
  }
  return fail(Error{.code = ErrorCode::peer_capacity,
                    .retry = Retry::other_region,
                    .message = "the replay table is full",
                    .mend = {},
                    .why = "replay_table_full"});
}

// Is the token about this request, on this link, now?
Result<void> Admission::check_request(const AdmissionQuestion& question) const {
  const RoutingToken& token = question.token;
  if (token.source != question.peer_region) {
    return refuse("source_mismatch", fmt::format("{} sent a request in the name of {}",
                                                 question.peer_region, token.source));
  }
  if (token.destination != self_.str()) {
    return refuse("wrong_destination",
                  fmt::format("the request is for {}, this is {}", token.destination, self_.str()));
  }
  const std::int64_t now = unix_ms(question.now);
  constexpr std::int64_t skew = std::chrono::milliseconds(limits::token_clock_skew).count();
  constexpr std::int64_t lifetime = std::chrono::milliseconds(limits::token_lifetime).count();
  if (token.expires_ms < now - skew) {
    return refuse("expired",
                  fmt::format("the routing token expired {} ms ago", now - token.expires_ms));
  }
  if (token.expires_ms > now + lifetime + skew) {
    return refuse(
        "expired",
        "the routing token lives longer than any may: compare the clocks of the two Regions");
  }
  if (!constant_time_equal(view(token.body_sha256), view(question.body_hash))) {
    return refuse("body_hash", "the body is not the one that the token was made for");
  }
  return {};
}

// Is it a row of this Region's own table? Versions and hashes are compared, epochs never: during a
// rolling update the source may still have an older one.
Result<NamedRow> Admission::row_of(const RoutingToken& token) const {
  const auto& profiles = catalog_->profiles();
  const auto newest = profiles.find(token.profile);
  if (newest == profiles.end()) {
    return refuse("unknown_profile",
                  fmt::format("this Region's catalogue has no profile {}", token.profile));
  }
  const catalog::Profile* profile = &newest->second;
  if (profile->version != token.profile_version) {
    const auto before = catalog_->earlier().find(token.profile);
    profile = nullptr;
    if (before != catalog_->earlier().end()) {
      for (const catalog::Profile& one : before->second) {
        if (one.version == token.profile_version) profile = &one;
      }
    }
    if (!profile) {
      return refuse("row_version", fmt::format("this Region's catalogue has no version {} of {}",
                                               token.profile_version, token.profile));
    }
  }
  if (profile->scope == catalog::Scope::global && !global_profiles_granted_) {
    return refuse("global_not_granted", "global profiles are not granted in this Region");
  }
  const auto row = profile->rows.find(catalog::RegionId(token.source));
  if (row == profile->rows.end()) {
    return refuse("no_row",
                  fmt::format("{} may not be called from {}", token.profile, token.source));
  }
  if (row->second.digest() != token.row_hash) {
    return refuse("row_hash",
                  fmt::format("the row of {} for {} is another one in this Region's catalogue",
                              token.profile, token.source));
  }
  if (token.model_id != profile->model_id) {
    return refuse("model", fmt::format("{} is not the model of {}", token.model_id, token.profile));
  }
  return NamedRow{.profile = profile, .row = &row->second};
}

// May it run here?
Result<void> Admission::check_destination(const NamedRow& named, const RoutingToken& token) const {
  const catalog::Row& row = *named.row;
  if (!allows(row, self_.str())) {
    return refuse("not_in_row", fmt::format("{} is not a destination of {} for {}", self_.str(),
                                            token.profile, token.source));
  }
  // The row may itself be wrong; its geography says so in another place.
  const auto geography = catalog_->geographies().find(named.profile->geography);
  const bool inside = geography != catalog_->geographies().end() &&
                      (geography->second.everywhere() ||
                       std::ranges::binary_search(geography->second.regions, self_));
  if (!inside && self_.str() != token.source) {
    return refuse("outside_geography", fmt::format("{} is not in the geography {}", self_.str(),
                                                   named.profile->geography));
  }
  for (const std::string& region : token.subset) {
    if (!allows(row, region)) {
      return refuse("subset_widens",
                    fmt::format("the narrowed row has {}, which the row has not", region));
    }
  }
  if (!token.subset.empty() && std::ranges::find(token.subset, self_.str()) == token.subset.end()) {
    return refuse("not_in_subset", fmt::format("{} is not in the narrowed row", self_.str()));
  }
  return {};
}

}  // namespace tidegate::peer
