// Which findings of adequacy end soon. It is an alarm and no rule: rows stay as they are, and what
// to do about it is for people to decide while there is time.
#pragma once

#include <vector>

#include "base/json.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::catalog {

// Of one Region whose adequacy has an end.
struct AdequacyEnd {
  RegionId region;
  std::string until;      // its last day, "2031-12-27", as the catalogue has it
  std::string review;     // as the catalogue has it; may be empty
  std::int64_t days = 0;  // from the day of `now` (UTC) to that day; negative: it has ended
  bool soon() const;      // within limits::adequacy_notice, or ended
};

// Every Region that states an end, the nearest first.
std::vector<AdequacyEnd> adequacy_ends(const Catalog& catalog, WallTime now);

// {"region", "until", "daysLeft", "review" if there is one}
json::object to_json(const AdequacyEnd& end);
json::array soon_json(const Catalog& catalog, WallTime now);  // those that are soon()

}  // namespace tidegate::catalog
