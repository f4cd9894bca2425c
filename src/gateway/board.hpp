// What one worker knows of the other Regions: their last reports, as they came over its links.
// Reports are facts with an age; nothing here decides.
#pragma once

#include <map>
#include <optional>

#include "base/time.hpp"
#include "catalog/catalog.hpp"
#include "peer/wire.hpp"

namespace tidegate::gateway {

class Board {
 public:
  struct Entry {
    peer::Report report;
    MonoTime received{};
  };
  // False: out of order (an older sequence of the same process), and ignored.
  bool update(const catalog::RegionId& region, peer::Report report, MonoTime now) {
    Entry& entry = entries_[region];
    if (entry.received != MonoTime{} && entry.report.epoch == report.epoch &&
        report.sequence <= entry.report.sequence) {
      return false;
    }
    entry = {std::move(report), now};
    return true;
  }
  void forget(const catalog::RegionId& region) { entries_.erase(region); }
  const Entry* find(const catalog::RegionId& region) const {
    const auto found = entries_.find(region);
    return found == entries_.end() ? nullptr : &found->second;
  }

 private:
  std::map<catalog::RegionId, Entry> entries_;
};

}  // namespace tidegate::gateway
