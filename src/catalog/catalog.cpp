// Rows and look-ups. A Row freezes its destinations and its hash when it is made; nothing changes
// them afterwards.
#include "catalog/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"

namespace tidegate::catalog {
namespace {

// RFC 8785, written out: the members come in order, and their names need no escapes.
Sha256 digest_of(std::string_view profile, std::uint32_t version, const RegionId& source,
                 const std::vector<RegionId>& destinations) {
  std::string text = R"({"destinations":[)";
  for (const RegionId& region : destinations) {
    if (text.back() != '[') text += ',';
    json::append_quoted(text, region.str());
  }
  text += R"(],"profile":)";
  json::append_quoted(text, profile);
  text += R"(,"source":)";
  json::append_quoted(text, source.str());
  text += R"(,"version":)";
  json::append_number(text, version);
  text += '}';
  return sha256(text);
}

template <class Map>
const typename Map::mapped_type* look_up(const Map& map, const auto& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

std::string_view name_of(Membership membership) {
  switch (membership) {
    case Membership::unstated:
      break;
    case Membership::none:
      return "none";
    case Membership::eea:
      return "eea";
    case Membership::eu:
      return "eu";
  }
  return "unstated";
}

std::string_view name_of(Scope scope) {
  switch (scope) {
    case Scope::in_region:
      return "in_region";
    case Scope::geographic:
      return "geographic";
    case Scope::global:
      break;
  }
  return "global";
}

Row::Row(std::string profile_id, std::uint32_t version, RegionId source,
         std::vector<RegionId> destinations, std::uint64_t since)
    : profile_id_(std::move(profile_id)),
      version_(version),
      source_(std::move(source)),
      regions_(std::move(destinations)),
      since_(since) {
  std::ranges::sort(regions_);
  digest_ = digest_of(profile_id_, version_, source_, regions_);
  hash_ = to_hex(digest_);
  destinations_.reserve(regions_.size());
  for (const RegionId& region : regions_) destinations_.push_back(RowDestination(region));
}

const RowDestination* Row::find(const RegionId& region) const {
  const auto at = std::ranges::lower_bound(destinations_, region, {}, &RowDestination::region);
  return at != destinations_.end() && at->region() == region ? &*at : nullptr;
}

Result<RowSubset> Row::narrow(std::vector<RegionId> regions) const {
  const auto wrong = [&](std::string what) {
    std::string row;
    for (const RegionId& region : regions_) row += (row.empty() ? "" : ", ") + region.str();
    return fail({.code = ErrorCode::configuration,
                 .message = fmt::format("the row of {} from {} cannot be narrowed: {}", profile_id_,
                                        source_.str(), what),
                 .mend = fmt::format("name one or more of {}", row),
                 .why = "a customer's part of a row may be smaller than it, never wider"});
  };
  std::ranges::sort(regions);
  if (regions.empty()) return wrong("no Region would be left");
  if (const auto twice = std::ranges::adjacent_find(regions); twice != regions.end()) {
    return wrong(twice->str() + " is named twice");
  }
  for (const RegionId& region : regions) {
    if (!find(region)) return wrong(region.str() + " is outside the row");
  }
  return RowSubset(std::move(regions));
}

bool RowSubset::contains(const RegionId& region) const {
  return std::ranges::binary_search(regions_, region);
}

std::string RowSubset::names() const {
  std::string out;
  for (const RegionId& region : regions_) out += (out.empty() ? "" : " ") + region.str();
  return out;
}

Stage Lifecycle::at(WallTime now) const {
  if (end_of_life && now >= *end_of_life) return Stage::gone;
  return legacy && now >= *legacy ? Stage::legacy : Stage::active;
}

const Row* Profile::row(const RegionId& source) const {
  return look_up(rows, source);
}

const Profile* Catalog::profile(std::string_view id) const {
  return look_up(profiles_, id);
}

const Profile* Catalog::profile(std::string_view id, std::uint32_t version) const {
  const Profile* newest = profile(id);
  if (!newest || newest->version == version) return newest;
  const auto* before = look_up(earlier_, id);
  if (!before) return nullptr;
  const auto found = std::ranges::find(*before, version, &Profile::version);
  return found == before->end() ? nullptr : &*found;
}

std::span<const Profile* const> Catalog::profiles_of(std::string_view model_id) const {
  const auto* found = look_up(by_model_, model_id);
  return found ? std::span<const Profile* const>(*found) : std::span<const Profile* const>();
}

const Model* Catalog::model(std::string_view id) const {
  return look_up(models_, id);
}

const Geography* Catalog::geography(std::string_view id) const {
  return look_up(geographies_, id);
}

const RegionInfo* Catalog::region(const RegionId& id) const {
  const auto at = std::ranges::lower_bound(regions_, id, {}, &RegionInfo::id);
  return at != regions_.end() && at->id == id ? &*at : nullptr;
}

std::vector<const Profile*> Catalog::profiles_from(const RegionId& source) const {
  std::vector<const Profile*> found;
  for (const auto& [id, profile] : profiles_) {
    if (profile.row(source) != nullptr) found.push_back(&profile);
  }
  return found;
}

Row Catalog::in_region_row(std::string_view model_id, const RegionId& source) {
  return Row(std::string(model_id), 1, source, {source}, 0);
}

}  // namespace tidegate::catalog
