// What the admin API's JSON looks like to a person: pure functions, one screen each. A member that
// is missing (an older or newer gateway) is left out, never guessed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::cli {

// One gateway's answer, or why there is none.
struct RegionStatus {
  std::string name;
  json::object status;
  std::string problem;  // empty: it answered
};

std::string status_view(const std::vector<RegionStatus>& regions, const catalog::Catalog& catalog);
std::string route_view(const json::object& route, const catalog::Catalog& catalog);
std::string explain_view(const json::object& record, const catalog::Catalog& catalog);

// A line for each of "adequacyEnds", as status and the catalogue's answer have them; "" for none.
std::string adequacy_view(std::string_view who, const json::object& facts,
                          const catalog::Catalog& catalog);

// "eu-south-1 (Milan)".
std::string with_city(std::string_view region, const catalog::Catalog& catalog);
// A sentence for routing's stable words, "source_full" and the like; the word itself where there is
// none.
std::string_view reason_sentence(std::string_view reason);

}  // namespace tidegate::cli
