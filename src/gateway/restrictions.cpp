#include "gateway/restrictions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "aws/sigv4.hpp"

namespace tidegate::gateway {
namespace {

constexpr std::array<std::string_view, 3> names{"cordon", "drain", "exclude"};

std::string note_of(const Restriction& restriction) {
  return restriction.expires
             ? fmt::format("{}, until {}", restriction.reason, aws::iso8601(*restriction.expires))
             : restriction.reason;
}

bool is(const Restriction& restriction, const catalog::RegionId& region, RestrictionKind kind) {
  return restriction.region == region && restriction.kind == kind;
}

}  // namespace

std::string_view name_of(RestrictionKind kind) {
  return names[static_cast<std::size_t>(kind)];
}

std::optional<RestrictionKind> restriction_kind(std::string_view name) {
  const auto at = std::ranges::find(names, name);
  if (at == names.end()) return std::nullopt;
  return static_cast<RestrictionKind>(at - names.begin());
}

json::object to_json(const Restriction& restriction) {
  json::object out{{"region", restriction.region.str()},
                   {"kind", name_of(restriction.kind)},
                   {"reason", restriction.reason},
                   {"approver", restriction.approver},
                   {"since", aws::iso8601(restriction.since)}};
  if (restriction.expires) out["expires"] = aws::iso8601(*restriction.expires);
  return out;
}

Result<void> RestrictionTable::load() {
  TRY(auto stored, store_.load_restrictions());
  for (Restriction& restriction : stored) put(std::move(restriction));
  return {};
}

routing::Withdrawal RestrictionTable::of(const catalog::RegionId& region) const {
  routing::Withdrawal out;
  if (!any_.load(std::memory_order_acquire)) return out;
  const WallTime now = clock_.wall();
  std::lock_guard lock(table_);
  for (const auto& [restriction, note] : entries_) {
    if (restriction.region != region || !restriction.in_force(now)) continue;
    // Of several, the strongest: Withdrawn is in that order.
    const auto kind = restriction.kind == RestrictionKind::exclude ? routing::Withdrawn::excluded
                      : restriction.kind == RestrictionKind::drain ? routing::Withdrawn::drained
                                                                   : routing::Withdrawn::cordoned;
    if (kind > out.kind) out = {kind, note};
  }
  return out;
}

std::vector<Restriction> RestrictionTable::all() const {
  const WallTime now = clock_.wall();
  std::vector<Restriction> out;
  std::lock_guard lock(table_);
  for (const Entry& entry : entries_) {
    if (entry.restriction.in_force(now)) out.push_back(entry.restriction);
  }
  return out;
}

Result<void> RestrictionTable::set(const Restriction& restriction) {
  std::lock_guard lock(change_);
  TRY_VOID(store_.save_restriction(restriction));
  put(restriction);
  return {};
}

Result<Restriction> RestrictionTable::lift(const catalog::RegionId& region, RestrictionKind kind) {
  std::lock_guard lock(change_);
  std::vector<Entry> left = entries_;
  const auto at = std::ranges::find_if(
      left, [&](const Entry& entry) { return is(entry.restriction, region, kind); });
  if (at == left.end() || !at->restriction.in_force(clock_.wall())) {
    return fail(ErrorCode::resource_not_found,
                fmt::format("there is no {} of {} here", name_of(kind), region.str()),
                "`tidegate status` shows what is in force, and where");
  }
  TRY_VOID(store_.remove_restriction(region, kind));
  Restriction lifted = std::move(at->restriction);
  left.erase(at);
  publish(std::move(left));
  return lifted;
}

bool RestrictionTable::any_expired() const {
  if (!any_.load(std::memory_order_acquire)) return false;
  const WallTime now = clock_.wall();
  std::lock_guard lock(table_);
  return std::ranges::any_of(entries_,
                             [&](const Entry& e) { return !e.restriction.in_force(now); });
}

Result<std::vector<Restriction>> RestrictionTable::expire() {
  std::lock_guard lock(change_);
  const WallTime now = clock_.wall();
  std::vector<Restriction> expired;
  std::vector<Entry> left;
  for (const Entry& entry : entries_) {
    if (entry.restriction.in_force(now)) {
      left.push_back(entry);
      continue;
    }
    TRY_VOID(store_.remove_restriction(entry.restriction.region, entry.restriction.kind));
    expired.push_back(entry.restriction);
  }
  publish(std::move(left));
  return expired;
}

void RestrictionTable::put(Restriction restriction) {
  std::vector<Entry> entries = entries_;
  std::erase_if(entries, [&](const Entry& entry) {
    return is(entry.restriction, restriction.region, restriction.kind);
  });
  auto note = std::make_shared<const std::string>(note_of(restriction));
  entries.push_back({std::move(restriction), std::move(note)});
  std::ranges::sort(entries, {}, [](const Entry& entry) {
    return std::pair(entry.restriction.region, entry.restriction.kind);
  });
  publish(std::move(entries));
}

void RestrictionTable::publish(std::vector<Entry> entries) {
  std::lock_guard lock(table_);
  entries_ = std::move(entries);
  any_.store(!entries_.empty(), std::memory_order_release);
}

}  // namespace tidegate::gateway
