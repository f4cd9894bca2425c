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

struct RegionInfo {
  RegionId id;
  std::string partition;  // "aws"
  std::string city;       // "Frankfurt"
  std::string country;    // ISO 3166-1 alpha-2, "DE"
};

enum class Modality : std::uint8_t { text, image, video, speech, embedding };

enum class Stage : std::uint8_t { active, legacy, gone };

// How long a model or a profile is served. The document gives the dates; the clock decides.
struct Lifecycle {
  std::optional<WallTime> legacy;       // from then on it is LEGACY: served, and on its way out
  std::optional<WallTime> end_of_life;  // from then on it is gone
  std::string successor;                // a model or a profile, as this is; may be empty
  Stage at(WallTime now) const;
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
  bool everywhere() const { return regions.empty(); }
};

// The mode of a profile: inside a geography (or at the source), anywhere once the operator has
// granted it, or at its source only.
enum class Scope : std::uint8_t { geographic, global, in_region };
std::string_view name_of(Scope scope);  // "geographic": as in the document

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
  const std::string& hash() const { return hash_; }  // 64 hex digits

 private:
  friend class Catalog;
  friend class CatalogReader;
  Row(std::string profile_id, std::uint32_t version, RegionId source,
      std::vector<RegionId> destinations);
  std::string profile_id_;
  std::uint32_t version_;
  RegionId source_;
  std::vector<RegionId> regions_;
  std::vector<RowDestination> destinations_;
  std::string hash_;
};

struct Profile {
  std::string id;    // "eu.amazon.nova-2-lite-v1:0"
  std::string name;  // "EU Amazon Nova 2 Lite"
  Scope scope = Scope::geographic;
  std::string geography;  // "eu"
  std::string model_id;   // "amazon.nova-2-lite-v1:0"
  std::uint32_t version = 1;
  Lifecycle lifecycle{};         // never longer than its model's
  std::map<RegionId, Row> rows;  // by source
  const Row* row(const RegionId& source) const;
};

class Catalog {
 public:
  // The library that is built in: the profiles that AWS publishes (src/catalog/profiles.json).
  static std::shared_ptr<const Catalog> built_in();
  // Errors: configuration, naming the member that is wrong.
  static Result<std::shared_ptr<const Catalog>> parse(std::string_view json);

  const Profile* profile(std::string_view id) const;
  const Model* model(std::string_view id) const;
  const Geography* geography(std::string_view id) const;
  const RegionInfo* region(const RegionId& id) const;
  std::span<const RegionInfo> regions() const { return regions_; }
  std::vector<const Profile*> profiles_from(const RegionId& source) const;  // sorted by id
  const std::map<std::string, Profile, std::less<>>& profiles() const { return profiles_; }
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
