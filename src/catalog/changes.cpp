#include "catalog/changes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace tidegate::catalog {
namespace {

template <class Map>
const typename Map::mapped_type* look_up(const Map& map, const std::string& id) {
  const auto found = map.find(id);
  return found == map.end() ? nullptr : &found->second;
}

std::vector<std::string> names_of(const std::vector<RegionId>& regions) {
  std::vector<std::string> out;
  for (const RegionId& region : regions) out.push_back(region.str());
  return out;
}

std::vector<std::string> names_of(const Row& row) {
  std::vector<std::string> out;
  for (const auto& destination : row.destinations()) out.push_back(destination.region().str());
  return out;
}

std::vector<std::string> minus(const std::vector<std::string>& a,
                               const std::vector<std::string>& b) {
  std::vector<std::string> out;
  std::ranges::set_difference(a, b, std::back_inserter(out));
  return out;
}

class Comparison {
 public:
  Comparison(const Catalog& before, const Catalog& now) : before_(before), now_(now) {}

  std::vector<Change> run() {
    regions();
    geographies();
    models();
    profiles();
    revocations();
    std::ranges::sort(out_, {}, [](const Change& c) { return std::pair(c.what, c.name); });
    return std::move(out_);
  }

 private:
  void regions() {
    std::set<std::string> ids;
    for (const auto& region : before_.regions()) ids.insert(region.id.str());
    for (const auto& region : now_.regions()) ids.insert(region.id.str());
    for (const std::string& id : ids) {
      const RegionInfo* was = before_.region(RegionId(id));
      const RegionInfo* is = now_.region(RegionId(id));
      Change change{.what = "region", .name = id, .says = {}, .fence = true};
      if (!was || !is) {
        change.says = was ? "removed" : fmt::format("new, in {} ({})", is->city, is->country);
        out_.push_back(std::move(change));
        continue;
      }
      const std::string old_facts = facts_of(*was), new_facts = facts_of(*is);
      if (old_facts != new_facts) {
        change.says = fmt::format("was {}; is {}", old_facts, new_facts);
        out_.push_back(std::move(change));
      } else if (was->city != is->city) {
        change.says = fmt::format("the city was {}; is {}", was->city, is->city);
        change.fence = false;
        out_.push_back(std::move(change));
      }
    }
  }

  static std::string facts_of(const RegionInfo& region) {
    std::string out = fmt::format("{}, partition {}", region.country, region.partition);
    const auto add = [&](std::string_view name, std::string_view value) {
      if (!value.empty()) out += fmt::format(", {} {}", name, value);
    };
    if (region.membership != Membership::unstated) add("membership", name_of(region.membership));
    if (region.adequacy) {
      const Adequacy& a = *region.adequacy;
      add("adequate until", a.until.empty() ? "further notice" : a.until);
      add("review", a.review);
    }
    add("operated by", region.operated_by);
    add("jurisdiction", region.jurisdiction);
    add("since", region.since);
    add("until", region.until);
    return out;
  }

  void geographies() {
    for (const auto& [id, is] : now_.geographies()) {
      const Geography* was = before_.geography(id);
      Change change{
          .what = "geography", .name = id, .version = is.version, .says = {}, .fence = true};
      const auto regions = names_of(is.regions);
      const auto added =
          was && !was->everywhere() ? minus(regions, names_of(was->regions)) : regions;
      const bool opened = is.everywhere() && !(was && was->everywhere());
      const bool was_everywhere = was && was->everywhere();
      change.widens = opened || (!added.empty() && !was_everywhere);
      if (!was) {
        change.says = is.everywhere() ? "new, every Region of the source's partition"
                                      : fmt::format("new: {}", fmt::join(regions, ", "));
      } else if (was->regions != is.regions) {
        change.says = describe_sets(*was, is);
      } else if (was->countries != is.countries || was->membership != is.membership) {
        change.says = "asks other things of its Regions";
      } else if (was->version != is.version) {
        change.says = fmt::format("version {} follows version {}", is.version, was->version);
      } else {
        continue;
      }
      out_.push_back(std::move(change));
    }
    for (const auto& [id, was] : before_.geographies()) {
      if (now_.geography(id)) continue;
      out_.push_back({.what = "geography",
                      .name = id,
                      .version = was.version,
                      .says = "removed",
                      .fence = true});
    }
  }

  static std::string describe_sets(const Geography& was, const Geography& is) {
    if (is.everywhere()) return "now every Region of the source's partition";
    if (was.everywhere()) return fmt::format("now {} only", fmt::join(names_of(is.regions), ", "));
    const auto added = minus(names_of(is.regions), names_of(was.regions));
    const auto gone = minus(names_of(was.regions), names_of(is.regions));
    std::string out;
    if (!added.empty()) out += fmt::format("adds {}", fmt::join(added, ", "));
    if (!gone.empty())
      out += fmt::format("{}drops {}", out.empty() ? "" : "; ", fmt::join(gone, ", "));
    return out;
  }

  void models() {
    const auto facts = [](const Model& m) {
      return std::tie(m.name, m.provider, m.input, m.output, m.streams, m.lifecycle);
    };
    for (const auto& [id, is] : now_.models()) {
      const Model* was = before_.model(id);
      if (was && facts(*was) == facts(is)) continue;
      out_.push_back({.what = "model", .name = id, .says = was ? "described anew" : "new"});
    }
    for (const auto& [id, was] : before_.models()) {
      if (!now_.model(id)) out_.push_back({.what = "model", .name = id, .says = "removed"});
    }
  }

  void profiles() {
    for (const auto& [id, is] : now_.profiles()) {
      const Profile* was = before_.profile(id);
      Change change{.what = "profile", .name = id, .version = is.version, .says = {}};
      std::vector<std::string> says;
      if (!was) says.push_back("new");
      if (was && was->version != is.version) {
        says.push_back(fmt::format("version {} follows version {}", is.version, was->version));
      }
      change.fence = !says.empty() || (was && was->scope != is.scope) ||
                     (was && was->geography != is.geography) || earlier_changed(id);
      rows(was, is, change, says);
      if (says.empty() && change.fence) says.push_back("other older versions are admitted");
      if (was && was->name != is.name) says.push_back("named anew");
      if (was && was->lifecycle != is.lifecycle) says.push_back("its lifecycle is another one");
      if (says.empty()) continue;
      change.says = fmt::format("{}", fmt::join(says, "; "));
      out_.push_back(std::move(change));
    }
    for (const auto& [id, was] : before_.profiles()) {
      if (now_.profile(id)) continue;
      out_.push_back({.what = "profile",
                      .name = id,
                      .version = was.version,
                      .says = "withdrawn",
                      .fence = true});
    }
  }

  bool earlier_changed(const std::string& id) const {
    const auto versions = [&](const Catalog& catalog) {
      std::set<std::uint32_t> out;
      if (const auto* list = look_up(catalog.earlier(), id)) {
        for (const Profile& profile : *list) out.insert(profile.version);
      }
      return out;
    };
    return versions(before_) != versions(now_);
  }

  static void rows(const Profile* was, const Profile& is, Change& change,
                   std::vector<std::string>& says) {
    for (const auto& [source, row] : is.rows) {
      const Row* old_row = was ? was->row(source) : nullptr;
      const auto names = names_of(row);
      const auto old_names = old_row ? names_of(*old_row) : std::vector<std::string>();
      if (names == old_names) continue;
      change.fence = true;
      const auto added = minus(names, old_names);
      const auto gone = minus(old_names, names);
      change.widens = change.widens || std::ranges::any_of(added, [&](const std::string& region) {
                        return region != source.str();
                      });
      std::string text = fmt::format("from {}:", source.str());
      if (!added.empty()) text += fmt::format(" adds {}", fmt::join(added, ", "));
      if (!gone.empty()) text += fmt::format(" drops {}", fmt::join(gone, ", "));
      says.push_back(std::move(text));
    }
    if (!was) return;
    for (const auto& [source, row] : was->rows) {
      if (is.row(source)) continue;
      change.fence = true;
      says.push_back(fmt::format("from {}: no row any more", source.str()));
    }
  }

  void revocations() {
    for (const auto& [id, version] : now_.revoked()) {
      const std::uint32_t* was = look_up(before_.revoked(), id);
      if (was && *was == version) continue;
      out_.push_back({.what = "revocation",
                      .name = id,
                      .says = fmt::format("its versions up to {} are revoked", version),
                      .fence = true});
    }
  }

  const Catalog& before_;
  const Catalog& now_;
  std::vector<Change> out_;
};

template <class Use>
Result<void> each_version(const Catalog& catalog, Use use) {
  for (const auto& [id, profile] : catalog.profiles()) TRY_VOID(use(profile));
  for (const auto& [id, earlier] : catalog.earlier()) {
    for (const Profile& profile : earlier) TRY_VOID(use(profile));
  }
  return {};
}

}  // namespace

std::vector<Change> changes(const Catalog& before, const Catalog& now) {
  return Comparison(before, now).run();
}

Result<void> check_since(const Catalog& before, const Catalog& now, std::uint64_t epoch) {
  return each_version(now, [&](const Profile& profile) -> Result<void> {
    const Profile* was = before.profile(profile.id, profile.version);
    for (const auto& [source, row] : profile.rows) {
      const Row* old_row = was ? was->row(source) : nullptr;
      const std::uint64_t expected = old_row ? old_row->since() : epoch;
      if (row.since() == expected) continue;
      return fail(ErrorCode::configuration,
                  fmt::format("{} version {} says of its row for {} that it is there since epoch "
                              "{}; it is since {}",
                              profile.id, profile.version, source.str(), row.since(), expected),
                  "let tidegate catalog draft write \"since\" and \"rows_since\"");
    }
    return {};
  });
}

}  // namespace tidegate::catalog
