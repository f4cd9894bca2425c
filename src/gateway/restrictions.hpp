// Regions that operators have taken out of use, for a while or until they say otherwise. A
// restriction removes candidates at each attempt; rows and policy decisions stay as they are.
//   cordon   this source sends the Region no new requests; those running go on
//   drain    the Region itself takes no new work, from its own callers or from peers, which it
//   tells
//            in its load report; it finishes what it has
//   exclude  the Region is not used, by decision; asked of the Region itself, it is drained as well
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "base/json.hpp"
#include "base/time.hpp"
#include "catalog/catalog.hpp"
#include "routing/routing.hpp"

namespace tidegate::gateway {

enum class RestrictionKind : std::uint8_t { cordon, drain, exclude };
std::string_view name_of(RestrictionKind kind);  // "cordon"
std::optional<RestrictionKind> restriction_kind(std::string_view name);

// One of each kind a Region.
struct Restriction {
  catalog::RegionId region{""};
  RestrictionKind kind = RestrictionKind::cordon;
  std::string reason;    // told to callers, too
  std::string approver;  // told to operators only
  WallTime since{};
  std::optional<WallTime> expires;  // none: until it is lifted
  bool in_force(WallTime now) const { return !expires || now < *expires; }
};
json::object to_json(const Restriction& restriction);

// Where they are kept. Errors: store_unavailable.
class RestrictionStore {
 public:
  virtual ~RestrictionStore() = default;
  virtual Result<std::vector<Restriction>> load_restrictions() = 0;
  // Adds it, or replaces the one of its Region and kind.
  virtual Result<void> save_restriction(const Restriction& restriction) = 0;
  virtual Result<void> remove_restriction(const catalog::RegionId& region,
                                          RestrictionKind kind) = 0;
};

// What all workers read: a change is on disk, and every worker decides by it, before the command
// that made it is answered. Without restrictions a look-up is one load of an atomic.
class RestrictionTable {
 public:
  RestrictionTable(RestrictionStore& store, Clock& clock) : store_(store), clock_(clock) {}
  Result<void> load();  // once, before anybody reads

  // From any thread; only what is in force now.
  routing::Withdrawal of(const catalog::RegionId& region) const;
  std::vector<Restriction> all() const;  // sorted by Region and kind

  // These block on the store: they run in the background. Errors: store_unavailable.
  Result<void> set(const Restriction& restriction);
  // Errors: resource_not_found.
  Result<Restriction> lift(const catalog::RegionId& region, RestrictionKind kind);
  // Removes and returns those that have run out.
  Result<std::vector<Restriction>> expire();
  bool any_expired() const;

 private:
  struct Entry {
    Restriction restriction;
    std::shared_ptr<const std::string> note;  // "INC-412, until 2026-11-22T12:00:00Z"
  };
  void publish(std::vector<Entry> entries);
  void put(Restriction restriction);

  RestrictionStore& store_;
  Clock& clock_;
  std::mutex change_;         // one change at a time, with its write to the store
  mutable std::mutex table_;  // held for a look-up only
  std::vector<Entry> entries_;
  std::atomic<bool> any_{false};
};

}  // namespace tidegate::gateway
