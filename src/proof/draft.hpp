// For tests: a catalogue as plain sets, edited at will and written as a document.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>
#include <string>

#include "catalog/catalog.hpp"

namespace tidegate::proof {

struct Draft {
  using Names = std::set<std::string>;
  struct Profile {
    std::string geography, scope = "geographic";
    int version = 1;
    std::map<std::string, Names> rows;
  };
  std::map<std::string, std::string> regions;                // name, partition
  std::map<std::string, std::pair<int, Names>> geographies;  // version, Regions
  std::map<std::string, Profile> profiles;                   // by model: "a.m0" is eu.a.m0

  static std::string quoted(const Names& names) {
    return fmt::format(R"(["{}"])", fmt::join(names, R"(",")"));
  }

  std::string document() const {
    std::vector<std::string> r, g, m, p;
    for (const auto& [id, partition] : regions) {
      r.push_back(fmt::format(R"({{"id":"{}","city":"C","country":"XX","partition":"{}"}})", id,
                              partition));
    }
    for (const auto& [id, geography] : geographies) {
      g.push_back(fmt::format(R"({{"id":"{}","version":{},"regions":{}}})", id, geography.first,
                              quoted(geography.second)));
    }
    for (const auto& [model, profile] : profiles) {
      m.push_back(fmt::format(
          R"({{"id":"{}","name":"M","provider":"A","input":["text"],"output":["text"],"streams":true}})",
          model));
      std::vector<std::string> rows;
      for (const auto& [source, names] : profile.rows) {
        rows.push_back(fmt::format(R"("{}":{})", source, quoted(names)));
      }
      p.push_back(fmt::format(
          R"({{"id":"{}.{}","name":"P","scope":"{}","geography":"{}","model":"{}","version":{},"rows":{{{}}}}})",
          profile.geography, model, profile.scope, profile.geography, model, profile.version,
          fmt::join(rows, ",")));
    }
    return fmt::format(
        R"({{"format":1,"provenance":{{}},"regions":[{}],"geographies":[{}],"models":[{}],"profiles":[{}]}})",
        fmt::join(r, ",\n"), fmt::join(g, ",\n"), fmt::join(m, ",\n"), fmt::join(p, ",\n"));
  }

  std::shared_ptr<const catalog::Catalog> catalog() const {
    auto parsed = catalog::Catalog::parse(document());
    if (!parsed) throw std::invalid_argument(parsed.error().message);
    return *std::move(parsed);
  }
};

// Two EU Regions, Zurich beside them, and one far away; one profile of each kind.
inline Draft small_draft() {
  return {
      .regions = {{"eu-central-1", "aws"},
                  {"eu-central-2", "aws"},
                  {"eu-west-1", "aws"},
                  {"us-east-1", "aws"},
                  {"us-gov-west-1", "aws-us-gov"}},
      .geographies = {{"eu", {1, {"eu-central-1", "eu-west-1"}}}, {"global", {1, {"*"}}}},
      .profiles = {
          {"a.local",
           {.geography = "eu",
            .rows = {{"eu-central-1", {"eu-central-1", "eu-west-1"}},
                     {"eu-central-2", {"eu-central-1", "eu-central-2"}}}}},
          {"a.wide", {.geography = "global", .scope = "global", .rows = {{"eu-west-1", {"*"}}}}}}};
}

}  // namespace tidegate::proof
