// Written without looking at src/catalog/parse.cpp, and to be kept so: what the two agree on should
// be what the document says.
#include "proof/oracle.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "base/bytes.hpp"
#include "base/json.hpp"

namespace tidegate::proof {
namespace {

// Names are written into the hashed text as they are, so they must need no escape.
std::string plain(const json::value& v) {
  const std::string text(v.as_string());
  const bool good = !text.empty() && text.find_first_not_of(
                                         "abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789.:-_*") == std::string::npos;
  if (!good) throw std::invalid_argument(fmt::format("\"{}\" is not a name", text));
  return text;
}

Oracle::Names names_of(const json::value& list) {
  Oracle::Names names;
  for (const json::value& item : list.as_array()) names.insert(plain(item));
  if (names.empty()) throw std::invalid_argument("a list of Regions is empty");
  return names;
}

}  // namespace

Result<Oracle> Oracle::read(std::string_view document) {
  TRY(const json::value parsed, json::parse(document));
  Oracle oracle;
  try {
    const json::object& root = parsed.as_object();
    for (const json::value& region : root.at("regions").as_array()) {
      const std::string id = plain(region.at("id"));
      oracle.regions_.insert(id);
      oracle.partitions_[id] = plain(region.at("partition"));
    }
    for (const json::value& geography : root.at("geographies").as_array()) {
      oracle.geographies_[plain(geography.at("id"))] = {
          .version = geography.at("version").as_int64(),
          .regions = names_of(geography.at("regions"))};
    }
    for (const json::value& item : root.at("profiles").as_array()) {
      Profile read{.id = plain(item.at("id")),
                   .model = plain(item.at("model")),
                   .geography = plain(item.at("geography")),
                   .scope = plain(item.at("scope")),
                   .version = item.at("version").as_int64(),
                   .rows = {}};
      for (const auto& row : item.at("rows").as_object()) {
        read.rows[std::string(row.key())] = names_of(row.value());
      }
      oracle.profiles_[read.id][read.version] = std::move(read);
    }
    if (const json::value* list = root.if_contains("revoked")) {
      for (const json::value& item : list->as_array()) {
        oracle.revoked_[plain(item.at("profile"))] = item.at("version").as_int64();
      }
    }
  } catch (
      const std::exception& problem) {  // Boost.JSON's own: a member is missing or of another kind
    return fail(ErrorCode::configuration,
                fmt::format("the oracle cannot read the catalogue: {}", problem.what()));
  }
  return oracle;
}

bool Oracle::lists(const Names& names, const std::string& source,
                   const std::string& destination) const {
  if (names.contains(destination)) return true;
  return names.contains("*") && partitions_.at(source) == partitions_.at(destination);
}

std::string Oracle::refusal(const std::string& profile, const std::string& source,
                            const std::string& destination) const {
  const auto found = profiles_.find(profile);
  if (found == profiles_.end()) return fmt::format("there is no profile {}", profile);
  return refusal(found->second.rbegin()->second, source, destination);
}

std::string Oracle::refusal(const Profile& profile, const std::string& source,
                            const std::string& destination) const {
  if (!regions_.contains(source)) return fmt::format("there is no Region {}", source);
  if (!regions_.contains(destination)) return fmt::format("there is no Region {}", destination);
  const auto row = profile.rows.find(source);
  if (row == profile.rows.end()) {
    return fmt::format("{} has no row for the source {}", profile.id, source);
  }
  if (!lists(row->second, source, destination)) {
    return fmt::format("{} is not in the row of {} for {}", destination, profile.id, source);
  }
  if (destination == source) return {};
  if (profile.scope == "in_region") return fmt::format("{} runs at its source only", profile.id);
  const auto geography = geographies_.find(profile.geography);
  if (geography == geographies_.end()) {
    return fmt::format("there is no geography {}", profile.geography);
  }
  if (!lists(geography->second.regions, source, destination)) {
    return fmt::format("{} is neither in the geography {} (version {}: {}) nor the source",
                       destination, geography->first, geography->second.version,
                       fmt::join(geography->second.regions, ", "));
  }
  return {};
}

Oracle::Names Oracle::allowed(const Profile& profile, const std::string& source) const {
  Names out;
  if (!profile.rows.contains(source)) return out;
  for (const std::string& region : destinations(profile, source)) {
    if (refusal(profile, source, region).empty()) out.insert(region);
  }
  return out;
}

bool Oracle::needs_grant(const Profile& profile) const {
  return profile.scope != "in_region" && geographies_.at(profile.geography).regions.contains("*");
}

Oracle::Names Oracle::destinations(const Profile& profile, const std::string& source) const {
  const Names& row = profile.rows.at(source);
  if (!row.contains("*")) return row;
  Names out;
  for (const std::string& region : regions_) {
    if (lists(row, source, region)) out.insert(region);
  }
  return out;
}

std::string Oracle::row_hash(const Profile& profile, const std::string& source) const {
  return to_hex(sha256(fmt::format(
      R"({{"destinations":["{}"],"profile":"{}","source":"{}","version":{}}})",
      fmt::join(destinations(profile, source), R"(",")"), profile.id, source, profile.version)));
}

}  // namespace tidegate::proof
