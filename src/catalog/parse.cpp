// Reads a catalogue document, strictly: a member that is not known, a Region that is not registered
// or an id that comes twice is an error that names it, because a table that is only nearly right
// routes data to the wrong country.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "base/limits.hpp"
#include "catalog/catalog.hpp"
#include "catalog/lifecycle.hpp"

namespace tidegate::catalog {
namespace {

constexpr std::int64_t format_version = 1;

std::unexpected<Error> wrong(std::string_view where, std::string_view what) {
  return fail(ErrorCode::configuration, fmt::format("catalogue: {}: {}", where, what));
}

// One object of the document, its members asked for by name; finish() refuses those that nobody
// asked for.
class Members {
 public:
  static Result<Members> open(const json::value& v, std::string where) {
    if (!v.is_object()) return wrong(where, "must be an object");
    return Members(v.get_object(), std::move(where));
  }

  Result<const json::value*> any(std::string_view name) {
    asked_.push_back(name);
    if (const json::value* v = json::find(object_, name)) return v;
    return wrong(where_, fmt::format("member \"{}\" is missing", name));
  }
  // nullptr: it is not there.
  const json::value* maybe(std::string_view name) {
    const json::value* v = json::find(object_, name);
    if (v) asked_.push_back(name);
    return v;
  }
  Result<Lifecycle> lifecycle() {
    const json::value* v = maybe("lifecycle");
    if (!v) return Lifecycle{};
    return read_lifecycle(*v, member("lifecycle"));
  }
  Result<std::string> text(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_string() || v->get_string().empty()) {
      return wrong(member(name), "must be a string that is not empty");
    }
    return std::string(v->get_string());
  }
  Result<std::int64_t> integer(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_int64()) return wrong(member(name), "must be a whole number");
    return v->get_int64();
  }
  Result<bool> boolean(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_bool()) return wrong(member(name), "must be true or false");
    return v->get_bool();
  }
  Result<const json::array*> list(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_array()) return wrong(member(name), "must be a list");
    return &v->get_array();
  }
  Result<const json::object*> object(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_object()) return wrong(member(name), "must be an object");
    return &v->get_object();
  }
  // Call it once every member has been read.
  Result<void> finish() const {
    if (object_.size() == asked_.size()) return {};
    for (const auto& m : object_) {
      const std::string_view name = m.key();
      if (std::ranges::find(asked_, name) == asked_.end()) {
        return wrong(member(name), "is not a member that this version knows");
      }
    }
    return {};
  }
  std::string member(std::string_view name) const { return fmt::format("{}.{}", where_, name); }

 private:
  Members(const json::object& o, std::string where) : object_(o), where_(std::move(where)) {}
  const json::object& object_;
  std::string where_;
  std::vector<std::string_view> asked_;
};

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

Result<RegionInfo> read_region(const json::value& v, std::string where) {
  TRY(Members members, Members::open(v, std::move(where)));
  TRY(std::string id, members.text("id"));
  TRY(std::string city, members.text("city"));
  TRY(std::string country, members.text("country"));
  TRY(std::string partition, members.text("partition"));
  TRY_VOID(members.finish());
  return RegionInfo{RegionId(std::move(id)), std::move(partition), std::move(city),
                    std::move(country)};
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
  TRY(model.lifecycle, members.lifecycle());
  TRY_VOID(members.finish());
  return model;
}

// The destinations of one row, "*" expanded to the registered Regions of the source's partition.
Result<std::vector<RegionId>> read_row(const Catalog& catalog, const RegionInfo& source,
                                       const json::value& v, std::string_view where) {
  const json::array* names = v.if_array();
  if (!names || names->empty()) return wrong(where, "must be a list of Regions that is not empty");
  std::vector<RegionId> row;
  for (const json::value& item : *names) {
    if (!item.is_string()) return wrong(where, "must be a list of Regions");
    const std::string_view name = item.get_string();
    if (name == "*") {
      if (names->size() > 1) return wrong(where, "\"*\" must stand alone");
      for (const RegionInfo& region : catalog.regions()) {
        if (region.partition == source.partition) row.push_back(region.id);
      }
      return row;
    }
    const RegionInfo* region = catalog.region(RegionId(std::string(name)));
    if (!region) return wrong(where, fmt::format("Region \"{}\" is not registered", name));
    if (region->partition != source.partition) {
      return wrong(where, fmt::format("Region \"{}\" is in another partition", name));
    }
    if (std::ranges::find(row, region->id) != row.end()) {
      return wrong(where, fmt::format("Region \"{}\" comes twice", name));
    }
    row.push_back(region->id);
  }
  return row;
}

Result<std::uint32_t> read_version(Members& members) {
  TRY(const std::int64_t version, members.integer("version"));
  if (version < 1 || version > limits::profile_version_max) {
    return wrong(members.member("version"),
                 fmt::format("must be from 1 to {}", limits::profile_version_max));
  }
  return static_cast<std::uint32_t>(version);
}

// Its Regions by name, or "*" alone: every Region of the source's partition.
Result<Geography> read_geography(const Catalog& catalog, const json::value& v, std::string where) {
  TRY(Members members, Members::open(v, std::move(where)));
  Geography geography;
  TRY(geography.id, members.text("id"));
  TRY(geography.version, read_version(members));
  TRY(const json::array* names, members.list("regions"));
  TRY_VOID(members.finish());
  const std::string at = members.member("regions");
  if (names->empty()) return wrong(at, "must be a list of Regions that is not empty");
  for (const json::value& item : *names) {
    if (!item.is_string()) return wrong(at, "must be a list of Regions");
    const RegionId id{std::string(item.get_string())};
    if (id.str() == "*") {
      if (names->size() > 1) return wrong(at, "\"*\" must stand alone");
      return geography;
    }
    if (!catalog.region(id)) {
      return wrong(at, fmt::format("Region \"{}\" is not registered", id.str()));
    }
    geography.regions.push_back(id);
  }
  std::ranges::sort(geography.regions);
  if (const auto twice = std::ranges::adjacent_find(geography.regions);
      twice != geography.regions.end()) {
    return wrong(at, fmt::format("Region \"{}\" comes twice", twice->str()));
  }
  return geography;
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

  Result<void> read_profiles(const json::array& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string where = fmt::format("profiles[{}]", i);
      TRY(Profile profile, read_profile(items[i], where));
      const std::string id = profile.id;
      if (!catalog_->profiles_.emplace(id, std::move(profile)).second) {
        return wrong(where, fmt::format("\"{}\" comes twice", id));
      }
    }
    return {};
  }

  Result<Profile> read_profile(const json::value& v, std::string where) {
    TRY(Members members, Members::open(v, std::move(where)));
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
    TRY(profile.lifecycle, members.lifecycle());
    TRY(const json::object* rows, members.object("rows"));
    if (rows->empty()) return wrong(members.member("rows"), "must have a row");
    TRY_VOID(members.finish());
    for (const auto& row : *rows) {
      const std::string at = fmt::format("{} ({}): row {}", members.member("rows"), profile.id,
                                         std::string_view(row.key()));
      const RegionInfo* source = catalog_->region(RegionId(std::string(row.key())));
      if (!source) return wrong(at, "the source Region is not registered");
      TRY(std::vector<RegionId> destinations, read_row(*catalog_, *source, row.value(), at));
      if (profile.scope == Scope::in_region && destinations != std::vector{source->id}) {
        return wrong(at, "an in_region profile runs at its source only");
      }
      profile.rows.emplace(source->id,
                           Row(profile.id, profile.version, source->id, std::move(destinations)));
    }
    return profile;
  }

  std::shared_ptr<Catalog> catalog_ = std::make_shared<Catalog>();
};

Result<std::shared_ptr<const Catalog>> Catalog::parse(std::string_view json) {
  return CatalogReader().read(json);
}

}  // namespace tidegate::catalog
