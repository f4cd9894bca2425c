// The same question, answered by other code: the catalogue's document, read by the plainest reader
// that can read it, and the fence written out as it is said. It shares the JSON parser and SHA-256
// with the rest and nothing else: no row type, no star expanded beforehand, no index.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"

namespace tidegate::proof {

class Oracle {
 public:
  using Names = std::set<std::string>;  // of Regions, or "*" as the document has it
  struct Geography {
    std::int64_t version = 0;
    Names regions;
  };
  struct Profile {
    std::string id, model, geography, scope;
    std::int64_t version = 0;
    std::map<std::string, Names> rows;  // by source
  };
  using Versions = std::map<std::int64_t, Profile>;

  // Errors: configuration.
  static Result<Oracle> read(std::string_view document);

  // Empty: a request for this profile, sent to the source, may run in the destination. Else why it
  // may not.
  std::string refusal(const std::string& profile, const std::string& source,
                      const std::string& destination) const;
  std::string refusal(const Profile& profile, const std::string& source,
                      const std::string& destination) const;
  // The destinations that refusal() lets through, of a row that the document has; none otherwise.
  Names allowed(const Profile& profile, const std::string& source) const;
  // Whether its geography is no boundary, so that the operator's grant is needed.
  bool needs_grant(const Profile& profile) const;
  // Of a row that the document has: SHA-256 of the canonical text, 64 hex digits.
  std::string row_hash(const Profile& profile, const std::string& source) const;
  // A row's destinations, "*" expanded.
  Names destinations(const Profile& profile, const std::string& source) const;

  const Names& regions() const { return regions_; }
  const std::map<std::string, Geography>& geographies() const { return geographies_; }
  // Every version that the document has, by profile; the highest is in force.
  const std::map<std::string, Versions>& profiles() const { return profiles_; }
  const Profile& in_force(const std::string& profile) const {
    return profiles_.at(profile).rbegin()->second;
  }
  const std::map<std::string, std::int64_t>& revoked() const { return revoked_; }

 private:
  bool lists(const Names& names, const std::string& source, const std::string& destination) const;

  Names regions_;
  std::unordered_map<std::string, std::string> partitions_;  // by Region
  std::map<std::string, Geography> geographies_;
  std::map<std::string, Versions> profiles_;
  std::map<std::string, std::int64_t> revoked_;
};

}  // namespace tidegate::proof
