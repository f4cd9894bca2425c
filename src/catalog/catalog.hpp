// The catalogue: immutable once loaded. A Row is one line of a profile, source Region -> frozen
// destinations; it is made only here, and so are its RowDestinations, so that whoever holds one
// cannot name a Region outside the fence.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

namespace tidegate::catalog {

// A Region's name, "eu-central-1". A type of its own so that no other string passes for one.
class RegionId {
 public:
  explicit RegionId(std::string name) : name_(std::move(name)) {}
  const std::string& str() const { return name_; }
  friend bool operator==(const RegionId&, const RegionId&) = default;
  friend auto operator<=>(const RegionId&, const RegionId&) = default;

 private:
  std::string name_;
};

// What a Region's country belongs to; EU Regions are EEA Regions, too.
enum class Membership : std::uint8_t { unstated, none, eea, eu };
std::string_view name_of(Membership membership);  // "eu"; "unstated" is never in a document

// That the European Commission, or who decides it for the operator, found the country's protection
// of data to be enough (GDPR, article 45).
struct Adequacy {
  std::string until;   // a date, "2031-12-27"; empty: without an end
  std::string review;  // when somebody looks at it again; may be empty
};

struct RegionInfo {
  RegionId id;
  std::string partition;  // "aws"
  std::string city;       // "Frankfurt"
  std::string country;    // ISO 3166-1 alpha-2, "DE"
  // What an operator may state besides; empty where it is not stated. Dates are "2026-11-29".
  Membership membership = Membership::unstated;
  std::optional<Adequacy> adequacy = std::nullopt;
  std::string operated_by = {};   // the legal entity that runs it
  std::string jurisdiction = {};  // whose law that entity is under: ISO 3166-1 alpha-2
  std::string since = {}, until = {};
};

enum class Modality : std::uint8_t { text, image, video, speech, embedding };

enum class Stage : std::uint8_t { active, legacy, gone };

// How long a model or a profile is served. The document gives the dates; the clock decides.
struct Lifecycle {
  std::optional<WallTime> legacy;       // from then on it is LEGACY: served, and on its way out
  std::optional<WallTime> end_of_life;  // from then on it is gone
  std::string successor;                // a model or a profile, as this is; may be empty
  Stage at(WallTime now) const;
  bool operator==(const Lifecycle&) const = default;
};

struct Model {
  std::string id;        // "amazon.nova-2-lite-v1:0"
  std::string name;      // "Nova 2 Lite"
  std::string provider;  // "Amazon"
  std::vector<Modality> input, output;
  bool streams = true;
  Lifecycle lifecycle{};
};

// A named set of Regions, inside which a profile of that geography keeps its requests (each row may
// also have its own source). The set never changes under a version.
struct Geography {
  std::string id;  // "eu"
  std::uint32_t version = 1;
  std::vector<RegionId> regions;  // sorted; empty: every Region of the source's partition
  // What each of its Regions must state: its country is one of these; it belongs to that. Empty,
  // unstated: nothing.
  std::vector<std::string> countries = {};
  Membership membership = Membership::unstated;
  bool everywhere() const { return regions.empty(); }
};

// How far a profile reaches. in_region: the source and nothing else; geographic: its geography;
// global: no boundary, and so the operator's grant is needed.
enum class Scope : std::uint8_t { in_region, geographic, global };
std::string_view name_of(Scope scope);

class Row;

// A destination of a row. Only Row makes them.
class RowDestination {
 public:
  const RegionId& region() const { return *region_; }

 private:
  friend class Row;
  explicit RowDestination(const RegionId& region) : region_(&region) {}
  const RegionId* region_;
};

// A part of a row that a customer keeps to. Only Row::narrow() makes one, so that it is never
// wider.
class RowSubset {
 public:
  std::span<const RegionId> regions() const { return regions_; }  // sorted by name; never empty
  bool contains(const RegionId& region) const;
  std::string names() const;  // "eu-central-1 eu-west-1"

 private:
  friend class Row;
  explicit RowSubset(std::vector<RegionId> regions) : regions_(std::move(regions)) {}
  std::vector<RegionId> regions_;
};

class Row {
 public:
  Row(Row&&) = default;
  Row(const Row&) = delete;
  const std::string& profile_id() const { return profile_id_; }
  std::uint32_t version() const { return version_; }  // of the profile
  const RegionId& source() const { return source_; }
  std::span<const RowDestination> destinations() const { return destinations_; }  // sorted by name
  const RowDestination* find(const RegionId& region) const;  // nullptr: outside the row
  // Errors: configuration (no Region, one twice, or one that the row has not).
  Result<RowSubset> narrow(std::vector<RegionId> regions) const;
  // SHA-256 over the RFC 8785 JSON {"destinations":[sorted],"profile":..,"source":..,"version":n}.
  // Final.
  const Sha256& digest() const { return digest_; }
  const std::string& hash() const { return hash_; }  // the same in 64 hex digits
  // The epoch of the first bundle that had this row: a Region at an older one does not know it.
  std::uint64_t since() const { return since_; }

 private:
  friend class Catalog;
  friend class CatalogReader;
  Row(std::string profile_id, std::uint32_t version, RegionId source,
      std::vector<RegionId> destinations, std::uint64_t since);
  std::string profile_id_;
  std::uint32_t version_;
  RegionId source_;
  std::vector<RegionId> regions_;
  std::vector<RowDestination> destinations_;
  Sha256 digest_;
  std::string hash_;
  std::uint64_t since_;
};

// One version of a profile.
struct Profile {
  std::string id;    // "eu.amazon.nova-2-lite-v1:0"
  std::string name;  // "EU Amazon Nova 2 Lite"
  Scope scope = Scope::geographic;
  std::string geography;  // "eu"
  std::string model_id;   // "amazon.nova-2-lite-v1:0"
  std::uint32_t version = 1;
  Lifecycle lifecycle{};         // never longer than its model's
  std::uint64_t since = 0;       // the epoch of the first bundle that had this version
  std::map<RegionId, Row> rows;  // by source
  const Row* row(const RegionId& source) const;
};

class Catalog {
 public:
  // The library that is built in: the profiles that AWS publishes (src/catalog/profiles.json).
  static std::shared_ptr<const Catalog> built_in();
  // Errors: configuration, naming the member that is wrong.
  static Result<std::shared_ptr<const Catalog>> parse(std::string_view json);

  // The version in force: the highest one.
  const Profile* profile(std::string_view id) const;
  // That version, or an older one that is still admitted; nullptr where it is neither.
  const Profile* profile(std::string_view id, std::uint32_t version) const;
  const Model* model(std::string_view id) const;
  const Geography* geography(std::string_view id) const;
  const RegionInfo* region(const RegionId& id) const;
  std::span<const RegionInfo> regions() const { return regions_; }
  std::vector<const Profile*> profiles_from(const RegionId& source) const;       // sorted by id
  std::span<const Profile* const> profiles_of(std::string_view model_id) const;  // sorted by id
  const std::map<std::string, Profile, std::less<>>& profiles() const { return profiles_; }
  // Versions that are not in force any more and are admitted from Regions that have no newer one,
  // newest first.
  using Earlier = std::map<std::string, std::vector<Profile>, std::less<>>;
  const Earlier& earlier() const { return earlier_; }
  // The highest version of a profile that was revoked, it and all before: it never comes back.
  using Revoked = std::map<std::string, std::uint32_t, std::less<>>;
  const Revoked& revoked() const { return revoked_; }
  const std::map<std::string, Model, std::less<>>& models() const { return models_; }
  const std::map<std::string, Geography, std::less<>>& geographies() const { return geographies_; }
  const std::string& document() const { return document_; }  // the text it was read from
  const std::string& digest() const { return digest_; }      // its SHA-256, 64 hex digits
  // A row of one: what a bare model id may use, the source Region and nothing else. Its profile id
  // is the model id.
  static Row in_region_row(std::string_view model_id, const RegionId& source);

 private:
  friend class CatalogReader;  // parse.cpp
  std::vector<RegionInfo> regions_;
  std::map<std::string, Model, std::less<>> models_;
  std::map<std::string, Profile, std::less<>> profiles_;
  Earlier earlier_;
  Revoked revoked_;
  std::map<std::string, std::vector<const Profile*>, std::less<>> by_model_;
  std::map<std::string, Geography, std::less<>> geographies_;
  std::string document_;
  std::string digest_;
};

}  // namespace tidegate::catalog

template <>
struct std::hash<tidegate::catalog::RegionId> {
  std::size_t operator()(const tidegate::catalog::RegionId& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
