#include "catalog/adequacy.hpp"

#include <algorithm>

#include "aws/sigv4.hpp"
#include "catalog/limits.hpp"

namespace tidegate::catalog {

bool AdequacyEnd::soon() const {
  return days <= limits::adequacy_notice.count();
}

std::vector<AdequacyEnd> adequacy_ends(const Catalog& catalog, WallTime now) {
  const auto today = std::chrono::floor<std::chrono::days>(now);
  std::vector<AdequacyEnd> out;
  for (const RegionInfo& region : catalog.regions()) {
    if (!region.adequacy || region.adequacy->until.empty()) continue;
    // The catalogue's reader lets in dates only; what no clock can show is long over.
    const WallTime last = aws::parse_iso8601(region.adequacy->until + "T00:00:00Z")
                              .value_or(today - std::chrono::days(36'525));
    out.push_back({region.id, region.adequacy->until, region.adequacy->review,
                   std::chrono::floor<std::chrono::days>(last - today).count()});
  }
  std::ranges::sort(out, {},
                    [](const AdequacyEnd& end) { return std::pair(end.days, end.region); });
  return out;
}

json::object to_json(const AdequacyEnd& end) {
  json::object out{{"region", end.region.str()}, {"until", end.until}, {"daysLeft", end.days}};
  if (!end.review.empty()) out["review"] = end.review;
  return out;
}

json::array soon_json(const Catalog& catalog, WallTime now) {
  json::array out;
  for (const AdequacyEnd& end : adequacy_ends(catalog, now)) {
    if (end.soon()) out.push_back(to_json(end));
  }
  return out;
}

}  // namespace tidegate::catalog
