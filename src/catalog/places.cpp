// Regions and geographies of a catalogue's document.
#include "catalog/places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/limits.hpp"

namespace tidegate::catalog {
namespace {

// "2026-11-29", a day of the calendar.
Result<std::string> read_date(const Members& members, std::string_view name, std::string text) {
  int year = 0, month = 0, day = 0;
  const auto part = [&](std::size_t at, std::size_t size, int& out) {
    const char* end = text.data() + at + size;
    const auto [stop, error] = std::from_chars(text.data() + at, end, out);
    return error == std::errc{} && stop == end;
  };
  const bool good = text.size() == 10 && text[4] == '-' && text[7] == '-' && part(0, 4, year) &&
                    part(5, 2, month) && part(8, 2, day) &&
                    std::chrono::year_month_day(std::chrono::year(year),
                                                std::chrono::month(static_cast<unsigned>(month)),
                                                std::chrono::day(static_cast<unsigned>(day)))
                        .ok();
  if (!good) return wrong(members.member(name), "must be a date like \"2026-11-29\"");
  return text;
}

Result<std::string> optional_date(Members& members, std::string_view name) {
  TRY(std::string text, members.optional_text(name));
  if (text.empty()) return text;
  return read_date(members, name, std::move(text));
}

bool is_country(std::string_view text) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  return text.size() == 2 && std::ranges::all_of(text, upper);
}

Result<std::string> read_country(const Members& members, std::string_view name, std::string text) {
  if (is_country(text)) return text;
  return wrong(members.member(name), "must be a country of ISO 3166-1, two capital letters");
}

Result<Membership> optional_membership(Members& members) {
  TRY(const std::string text, members.optional_text("membership"));
  if (text.empty()) return Membership::unstated;
  for (const Membership known : {Membership::none, Membership::eea, Membership::eu}) {
    if (text == name_of(known)) return known;
  }
  return wrong(members.member("membership"), "must be \"eu\", \"eea\" or \"none\"");
}

Result<std::optional<Adequacy>> optional_adequacy(Members& members) {
  const json::value* v = members.optional("adequacy");
  if (!v) return std::nullopt;
  TRY(Members inner, Members::open(*v, members.member("adequacy")));
  Adequacy out;
  TRY(out.until, optional_date(inner, "until"));
  TRY(out.review, optional_date(inner, "review"));
  TRY_VOID(inner.finish());
  return out;
}

// What a geography says of its Regions, looked up in what each of them states.
Result<void> check_members(const Catalog& catalog, const Geography& geography,
                           std::string_view where) {
  if (geography.everywhere()) {
    if (geography.countries.empty() && geography.membership == Membership::unstated) return {};
    return wrong(where, "\"*\" is every Region: it cannot ask anything of them");
  }
  for (const RegionId& id : geography.regions) {
    const RegionInfo& region = *catalog.region(id);
    if (!geography.countries.empty() &&
        std::ranges::find(geography.countries, region.country) == geography.countries.end()) {
      return wrong(where, fmt::format("Region \"{}\" is in {}, which is not among \"countries\"",
                                      id.str(), region.country));
    }
    if (region.membership < geography.membership) {
      return wrong(where, fmt::format("Region \"{}\" does not state that its membership is \"{}\"",
                                      id.str(), name_of(geography.membership)));
    }
  }
  return {};
}

Result<std::vector<std::string>> optional_countries(Members& members) {
  std::vector<std::string> out;
  if (!members.optional("countries")) return out;
  TRY(const json::array* names, members.list("countries"));
  for (const json::value& item : *names) {
    const auto* text = item.if_string();
    TRY(std::string country,
        read_country(members, "countries", text ? std::string(*text) : std::string()));
    out.push_back(std::move(country));
  }
  if (out.empty()) return wrong(members.member("countries"), "must not be empty");
  std::ranges::sort(out);
  return out;
}

// By name, or "*" alone: every Region of the source's partition.
Result<std::vector<RegionId>> read_region_set(const Catalog& catalog, Members& members) {
  TRY(const json::array* names, members.list("regions"));
  const std::string at = members.member("regions");
  if (names->empty()) return wrong(at, "must be a list of Regions that is not empty");
  std::vector<RegionId> out;
  for (const json::value& item : *names) {
    if (!item.is_string()) return wrong(at, "must be a list of Regions");
    const RegionId id{std::string(item.get_string())};
    if (id.str() == "*") {
      if (names->size() > 1) return wrong(at, "\"*\" must stand alone");
      return out;
    }
    if (!catalog.region(id)) {
      return wrong(at, fmt::format("Region \"{}\" is not registered", id.str()));
    }
    out.push_back(id);
  }
  std::ranges::sort(out);
  if (const auto twice = std::ranges::adjacent_find(out); twice != out.end()) {
    return wrong(at, fmt::format("Region \"{}\" comes twice", twice->str()));
  }
  return out;
}

}  // namespace

Result<std::uint32_t> read_version(Members& members) {
  TRY(const std::int64_t version, members.integer("version"));
  if (version < 1 || version > limits::profile_version_max) {
    return wrong(members.member("version"),
                 fmt::format("must be from 1 to {}", limits::profile_version_max));
  }
  return static_cast<std::uint32_t>(version);
}

Result<RegionInfo> read_region(const json::value& v, std::string where) {
  TRY(Members members, Members::open(v, std::move(where)));
  TRY(std::string id, members.text("id"));
  TRY(std::string city, members.text("city"));
  TRY(std::string country, members.text("country"));
  TRY(std::string partition, members.text("partition"));
  RegionInfo out{RegionId(std::move(id)), std::move(partition), std::move(city),
                 std::move(country)};
  TRY(out.country, read_country(members, "country", std::move(out.country)));
  TRY(out.membership, optional_membership(members));
  TRY(out.adequacy, optional_adequacy(members));
  TRY(out.operated_by, members.optional_text("operated_by"));
  TRY(out.jurisdiction, members.optional_text("jurisdiction"));
  if (!out.jurisdiction.empty()) {
    TRY(out.jurisdiction, read_country(members, "jurisdiction", std::move(out.jurisdiction)));
  }
  TRY(out.since, optional_date(members, "since"));
  TRY(out.until, optional_date(members, "until"));
  TRY_VOID(members.finish());
  if (!out.since.empty() && !out.until.empty() && out.until < out.since) {
    return wrong(members.member("until"), "is before \"since\"");
  }
  return out;
}

Result<Geography> read_geography(const Catalog& catalog, const json::value& v, std::string where) {
  TRY(Members members, Members::open(v, std::move(where)));
  Geography geography;
  TRY(geography.id, members.text("id"));
  TRY(geography.version, read_version(members));
  TRY(geography.countries, optional_countries(members));
  TRY(geography.membership, optional_membership(members));
  TRY(geography.regions, read_region_set(catalog, members));
  TRY_VOID(members.finish());
  TRY_VOID(check_members(catalog, geography, members.member("regions")));
  return geography;
}

}  // namespace tidegate::catalog
