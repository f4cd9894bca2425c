// Reads a catalogue document, strictly: a member that is not known, a Region that is not registered
// or an id that comes twice is an error that names it, because a table that is only nearly right
// routes data to the wrong country.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "catalog/catalog.hpp"
#include "catalog/lifecycle.hpp"
#include "catalog/limits.hpp"
#include "catalog/members.hpp"
#include "catalog/places.hpp"

namespace tidegate::catalog {
namespace {

constexpr std::int64_t format_version = 1;

constexpr std::pair<std::string_view, Modality> modalities[] = {{"text", Modality::text},
                                                                {"image", Modality::image},
                                                                {"video", Modality::video},
                                                                {"speech", Modality::speech},
                                                                {"embedding", Modality::embedding}};

Result<std::vector<Modality>> read_modalities(Members& members, std::string_view name) {
  TRY(const json::array* names, members.list(name));
  std::vector<Modality> out;
  for (const json::value& item : *names) {
    const auto* text = item.if_string();
    const auto known = std::ranges::find_if(
        modalities, [&](const auto& m) { return text && m.first == std::string_view(*text); });
    if (known == std::end(modalities)) {
      return wrong(members.member(name),
                   fmt::format("{} is not a modality", json::serialize(item)));
    }
    out.push_back(known->second);
  }
  return out;
}

Result<Lifecycle> lifecycle_of(Members& members) {
  const json::value* v = members.optional("lifecycle");
  if (!v) return Lifecycle{};
  return read_lifecycle(*v, members.member("lifecycle"));
}

Result<Model> read_model(const json::value& v, std::string where) {
  TRY(Members members, Members::open(v, std::move(where)));
  Model model;
  TRY(model.id, members.text("id"));
  TRY(model.name, members.text("name"));
  TRY(model.provider, members.text("provider"));
  TRY(model.input, read_modalities(members, "input"));
  TRY(model.output, read_modalities(members, "output"));
  TRY(model.streams, members.boolean("streams"));
  TRY(model.lifecycle, lifecycle_of(members));
  TRY_VOID(members.finish());
  return model;
}

// The destinations of one row, "*" expanded to the registered Regions of the source's partition.
Result<std::vector<RegionId>> read_row(const Catalog& catalog, const RegionInfo& source,
                                       const json::value& v) {
  const auto refuse = [](std::string what) { return fail(ErrorCode::configuration, what); };
  const json::array* names = v.if_array();
  if (!names || names->empty()) return refuse("must be a list of Regions that is not empty");
  std::vector<RegionId> row;
  row.reserve(names->size());
  for (const json::value& item : *names) {
    if (!item.is_string()) return refuse("must be a list of Regions");
    const std::string_view name = item.get_string();
    if (name == "*") {
      if (names->size() > 1) return refuse("\"*\" must stand alone");
      for (const RegionInfo& region : catalog.regions()) {
        if (region.partition == source.partition) row.push_back(region.id);
      }
      return row;
    }
    const RegionInfo* region = catalog.region(RegionId(std::string(name)));
    if (!region) return refuse(fmt::format("Region \"{}\" is not registered", name));
    if (region->partition != source.partition) {
      return refuse(fmt::format("Region \"{}\" is in another partition", name));
    }
    if (std::ranges::find(row, region->id) != row.end()) {
      return refuse(fmt::format("Region \"{}\" comes twice", name));
    }
    row.push_back(region->id);
  }
  return row;
}

Result<std::uint64_t> epoch_of(const json::value& v, std::string_view where) {
  if (!v.is_int64() || v.get_int64() < 0 || v.get_int64() > limits::catalog_epoch_max) {
    return wrong(where, "must be the epoch of a bundle");
  }
  return static_cast<std::uint64_t>(v.get_int64());
}

Result<Scope> read_scope(Members& members) {
  TRY(std::string name, members.text("scope"));
  for (const Scope scope : {Scope::in_region, Scope::geographic, Scope::global}) {
    if (name == name_of(scope)) return scope;
  }
  return wrong(members.member("scope"), "must be \"in_region\", \"geographic\" or \"global\"");
}

}  // namespace

// Assembles a catalogue; a friend, so that only a document makes rows.
class CatalogReader {
 public:
  Result<std::shared_ptr<const Catalog>> read(std::string_view text) {
    auto document = json::parse(text);
    if (!document) return wrong("document", document.error().message);
    TRY(Members members, Members::open(*document, "document"));
    TRY(const std::int64_t format, members.integer("format"));
    if (format != format_version) return wrong("document.format", "must be 1");
    TRY_VOID(members.object("provenance"));  // for people: free members
    TRY(const json::array* regions, members.list("regions"));
    TRY(const json::array* geographies, members.list("geographies"));
    TRY(const json::array* models, members.list("models"));
    TRY(const json::array* profiles, members.list("profiles"));
    if (members.optional("revoked")) {
      TRY(const json::array* revoked, members.list("revoked"));
      TRY_VOID(read_revoked(*revoked));
    }
    TRY_VOID(members.finish());
    TRY_VOID(read_regions(*regions));
    TRY_VOID(read_geographies(*geographies));
    TRY_VOID(read_models(*models));
    TRY_VOID(read_profiles(*profiles));
    TRY_VOID(settle_lifecycles(catalog_->models_, catalog_->profiles_));
    catalog_->document_ = text;
    catalog_->digest_ = to_hex(sha256(text));
    return std::move(catalog_);
  }

 private:
  Result<void> read_regions(const json::array& items) {
    auto& regions = catalog_->regions_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      TRY(RegionInfo region, read_region(items[i], fmt::format("regions[{}]", i)));
      regions.push_back(std::move(region));
    }
    std::ranges::sort(regions, {}, &RegionInfo::id);
    const auto twice = std::ranges::adjacent_find(regions, {}, &RegionInfo::id);
    if (twice != regions.end()) {
      return wrong("regions", fmt::format("\"{}\" comes twice", twice->id.str()));
    }
    return {};
  }

  Result<void> read_geographies(const json::array& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string where = fmt::format("geographies[{}]", i);
      TRY(Geography geography, read_geography(*catalog_, items[i], where));
      const std::string id = geography.id;
      if (!catalog_->geographies_.emplace(id, std::move(geography)).second) {
        return wrong(where, fmt::format("\"{}\" comes twice", id));
      }
    }
    return {};
  }

  Result<void> read_models(const json::array& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string where = fmt::format("models[{}]", i);
      TRY(Model model, read_model(items[i], where));
      const std::string id = model.id;
      if (!catalog_->models_.emplace(id, std::move(model)).second) {
        return wrong(where, fmt::format("\"{}\" comes twice", id));
      }
    }
    return {};
  }

  Result<void> read_revoked(const json::array& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string where = fmt::format("revoked[{}]", i);
      TRY(Members members, Members::open(items[i], where));
      TRY(std::string profile, members.text("profile"));
      TRY(const std::uint32_t version, read_version(members));
      TRY_VOID(members.finish());
      if (!catalog_->revoked_.emplace(profile, version).second) {
        return wrong(where, fmt::format("\"{}\" comes twice", profile));
      }
    }
    return {};
  }

  // Of several versions of a profile the highest is in force.
  Result<void> read_profiles(const json::array& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      TRY(Profile profile, read_profile(items[i], i));
      const auto revoked = catalog_->revoked_.find(profile.id);
      if (revoked != catalog_->revoked_.end() && profile.version <= revoked->second) {
        return wrong(fmt::format("profiles[{}]", i),
                     fmt::format("{} version {} is revoked", profile.id, profile.version));
      }
      const auto [at, is_new] = catalog_->profiles_.try_emplace(profile.id);
      if (!is_new) {
        auto& earlier = catalog_->earlier_[profile.id];
        if (profile.version > at->second.version) std::swap(profile, at->second);
        const auto place =
            std::ranges::lower_bound(earlier, profile.version, std::greater{}, &Profile::version);
        if (profile.version == at->second.version ||
            (place != earlier.end() && place->version == profile.version)) {
          return wrong(fmt::format("profiles[{}]", i),
                       fmt::format("{} version {} comes twice", profile.id, profile.version));
        }
        earlier.insert(place, std::move(profile));
      } else {
        at->second = std::move(profile);
      }
    }
    for (const auto& [id, profile] : catalog_->profiles_) {
      catalog_->by_model_[profile.model_id].push_back(&profile);
    }
    return {};
  }

  Result<Profile> read_profile(const json::value& v, std::size_t index) {
    TRY(Members members, Members::open(v, fmt::format("profiles[{}]", index)));
    Profile profile;
    TRY(profile.id, members.text("id"));
    TRY(profile.name, members.text("name"));
    TRY(profile.scope, read_scope(members));
    TRY(profile.geography, members.text("geography"));
    if (!catalog_->geography(profile.geography)) {
      return wrong(members.member("geography"),
                   fmt::format("\"{}\" is not a geography", profile.geography));
    }
    TRY(profile.model_id, members.text("model"));
    if (!catalog_->model(profile.model_id)) {
      return wrong(members.member("model"), fmt::format("\"{}\" is not a model", profile.model_id));
    }
    if (profile.id != fmt::format("{}.{}", profile.geography, profile.model_id)) {
      return wrong(members.member("id"), "must be the geography, a dot and the model");
    }
    TRY(profile.version, read_version(members));
    TRY(profile.lifecycle, lifecycle_of(members));
    if (const json::value* since = members.optional("since")) {
      TRY(profile.since, epoch_of(*since, members.member("since")));
    }
    const json::object none;
    const json::object* rows_since = &none;
    if (members.optional("rows_since")) {
      TRY(rows_since, members.object("rows_since"));
    }
    TRY(const json::object* rows, members.object("rows"));
    TRY_VOID(members.finish());
    TRY_VOID(read_rows(profile, *rows, *rows_since, members.member("rows")));
    return profile;
  }

  Result<void> read_rows(Profile& profile, const json::object& rows, const json::object& rows_since,
                         const std::string& where) {
    if (rows.empty()) return wrong(where, "must have a row");
    const auto refuse = [&](std::string_view source, std::string_view what) {
      return wrong(fmt::format("{} ({}): row {}", where, profile.id, source), what);
    };
    for (const auto& row : rows) {
      const RegionInfo* source = catalog_->region(RegionId(std::string(row.key())));
      if (!source) return refuse(row.key(), "the source Region is not registered");
      auto destinations = read_row(*catalog_, *source, row.value());
      if (!destinations) return refuse(row.key(), destinations.error().message);
      if (profile.scope == Scope::in_region && *destinations != std::vector{source->id}) {
        return refuse(row.key(), "an in_region profile runs at its source only");
      }
      std::uint64_t since = profile.since;
      if (const json::value* later = rows_since.if_contains(row.key())) {
        TRY(since, epoch_of(*later, where));
      }
      profile.rows.emplace(source->id, Row(profile.id, profile.version, source->id,
                                           *std::move(destinations), since));
    }
    for (const auto& later : rows_since) {
      if (!rows.contains(later.key())) return refuse(later.key(), "rows_since names no row");
    }
    return {};
  }

  std::shared_ptr<Catalog> catalog_ = std::make_shared<Catalog>();
};

Result<std::shared_ptr<const Catalog>> Catalog::parse(std::string_view json) {
  return CatalogReader().read(json);
}

}  // namespace tidegate::catalog
