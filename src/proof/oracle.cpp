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
    for (const json::value& profile : root.at("profiles").as_array()) {
      Profile& read = oracle.profiles_[plain(profile.at("id"))];
      read.model = plain(profile.at("model"));
      read.geography = plain(profile.at("geography"));
      read.in_region = profile.at("scope").as_string() == "in_region";
      read.version = profile.at("version").as_int64();
      for (const auto& row : profile.at("rows").as_object()) {
        read.rows[std::string(row.key())] = names_of(row.value());
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
  if (!regions_.contains(source)) return fmt::format("there is no Region {}", source);
  if (!regions_.contains(destination)) return fmt::format("there is no Region {}", destination);
  const auto row = found->second.rows.find(source);
  if (row == found->second.rows.end()) {
    return fmt::format("{} has no row for the source {}", profile, source);
  }
  if (!lists(row->second, source, destination)) {
    return fmt::format("{} is not in the row of {} for {}", destination, profile, source);
  }
  if (destination == source) return {};
  if (found->second.in_region) return fmt::format("{} runs at its source only", profile);
  const auto geography = geographies_.find(found->second.geography);
  if (geography == geographies_.end()) {
    return fmt::format("there is no geography {}", found->second.geography);
  }
  if (!lists(geography->second.regions, source, destination)) {
    return fmt::format("{} is neither in the geography {} (version {}: {}) nor the source",
                       destination, geography->first, geography->second.version,
                       fmt::join(geography->second.regions, ", "));
  }
  return {};
}

bool Oracle::needs_grant(const std::string& profile) const {
  const Profile& asked = profiles_.at(profile);
  return !asked.in_region && geographies_.at(asked.geography).regions.contains("*");
}

Oracle::Names Oracle::destinations(const std::string& profile, const std::string& source) const {
  Names out;
  const Names& row = profiles_.at(profile).rows.at(source);
  for (const std::string& region : regions_) {
    if (lists(row, source, region)) out.insert(region);
  }
  return out;
}

std::string Oracle::row_hash(const std::string& profile, const std::string& source) const {
  return to_hex(
      sha256(fmt::format(R"({{"destinations":["{}"],"profile":"{}","source":"{}","version":{}}})",
                         fmt::join(destinations(profile, source), R"(",")"), profile, source,
                         profiles_.at(profile).version)));
}

}  // namespace tidegate::proof
