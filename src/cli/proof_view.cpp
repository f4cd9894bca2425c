#include "cli/proof_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "cli/output.hpp"
#include "cli/views.hpp"

namespace tidegate::cli {
namespace {

std::string text_of(const json::object& object, std::string_view name) {
  return std::string(json::find_string(object, name).value_or(""));
}

// "161,700".
std::string counted(const json::object& object, std::string_view name) {
  std::string digits = std::to_string(json::find_int(object, name).value_or(0));
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

// A model's name as a path segment.
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) out += c == ':' ? "%3A" : c == '/' ? "%2F" : std::string(1, c);
  return out;
}

template <class Visit>
void each_object(const json::object& object, std::string_view name, Visit visit) {
  const auto* list = json::find_array(object, name);
  if (!list) return;
  for (const json::value& item : *list) {
    if (item.is_object()) visit(item.get_object());
  }
}

// What a person would send to see it happen.
std::string counterexample(const json::object& found, const catalog::Catalog& catalog) {
  const std::string source = text_of(found, "source"), destination = text_of(found, "destination");
  std::string called = text_of(found, "profile");
  if (called.empty()) called = text_of(found, "model");
  std::string out = fmt::format("\n{}  {}", text_of(found, "rule"), called);
  if (!source.empty()) out += " from " + with_city(source, catalog);
  if (!destination.empty()) out += " may run in " + with_city(destination, catalog);
  out += fmt::format("\n  what       {}\n", text_of(found, "says"));
  if (!source.empty() && !destination.empty()) {
    out += fmt::format("  send       POST /model/{}/converse to the endpoint of {}\n",
                       escaped(called), source);
  }
  each_object(found, "layers", [&](const json::object& layer) {
    const bool allows = json::find_bool(layer, "allows").value_or(false);
    out += fmt::format("  {:<10} {}\n", text_of(layer, "layer"),
                       allows ? "allows it" : "refuses it: " + text_of(layer, "says"));
  });
  return out;
}

std::string counterexamples(const json::object& report, const catalog::Catalog& catalog) {
  std::string out;
  std::int64_t shown = 0;
  each_object(report, "counterexamples", [&](const json::object& found) {
    out += counterexample(found, catalog);
    ++shown;
  });
  const std::int64_t all = json::find_int(report, "violations").value_or(0);
  if (all > shown) out += fmt::format("\n... and {} more\n", all - shown);
  return out;
}

// A list of Regions, or how many they are.
std::string regions_of(const json::object& object, std::string_view name) {
  std::vector<std::string> names;
  if (const auto* regions = json::find_array(object, name)) {
    for (const json::value& region : *regions) names.emplace_back(region.as_string());
  }
  return names.empty()       ? "-"
         : names.size() <= 8 ? fmt::format("{}", fmt::join(names, ", "))
                             : fmt::format("{} Regions", names.size());
}

std::string reaches(const json::object& report) {
  Table table({"PRINCIPAL", "REQUESTS", "ALLOWED", "MAY RUN IN"});
  bool any = false;
  each_object(report, "principals", [&](const json::object& reach) {
    table.add({text_of(reach, "principal"), counted(reach, "requests"), counted(reach, "allowed"),
               regions_of(reach, "regions")});
    any = true;
  });
  return any ? "\n" + table.text() : std::string();
}

std::string narrowings(const json::object& report) {
  Table table({"HOLDER", "NARROWS", "TO", "REQUESTS", "ALLOWED", "AT", "REFUSED AT"});
  bool any = false;
  each_object(report, "narrowedRows", [&](const json::object& one) {
    table.add({text_of(one, "holder"), text_of(one, "profile"), regions_of(one, "regions"),
               counted(one, "requests"), counted(one, "allowed"), regions_of(one, "sources"),
               regions_of(one, "refusedAt")});
    any = true;
  });
  return any ? "\n" + table.text() : std::string();
}

}  // namespace

std::string proof_view(std::string_view name, const json::object& report,
                       const catalog::Catalog& catalog) {
  const bool holds = json::find_bool(report, "holds").value_or(false);
  std::string out = fmt::format(
      "bundle   {}, SHA-256 {}\n"
      "asked    {} requests ({} profiles, {} sources, {} destinations)\n"
      "allowed  {}, refused {}\n"
      "time     {} ms\n"
      "result   {}\n",
      name, text_of(report, "bundleSha256"), counted(report, "triples"),
      counted(report, "profiles"), counted(report, "regions"), counted(report, "regions"),
      counted(report, "allowed"), counted(report, "refused"), counted(report, "tookMs"),
      holds ? "the fence holds: router, signer, admission and oracle agree on every one"
            : fmt::format("{} VIOLATIONS", counted(report, "violations")));
  return out + reaches(report) + narrowings(report) + counterexamples(report, catalog);
}

std::vector<std::string> row_differences(const std::vector<StateProof>& regions) {
  struct Seen {
    std::string hash, region;
  };
  std::map<std::string, Seen> first;
  std::vector<std::string> out;
  for (const StateProof& state : regions) {
    each_object(state.answer, "rows", [&](const json::object& row) {
      const std::string name =
          fmt::format("{} version {} from {}", text_of(row, "profile"),
                      json::find_int(row, "version").value_or(0), text_of(row, "source"));
      const std::string hash = text_of(row, "hash");
      const auto [seen, added] = first.try_emplace(name, Seen{hash, state.region});
      if (added || seen->second.hash == hash) return;
      out.push_back(fmt::format("{}: {} has {}, {} has {}", name, seen->second.region,
                                seen->second.hash.substr(0, 16), state.region, hash.substr(0, 16)));
    });
  }
  return out;
}

std::string state_view(const std::vector<StateProof>& regions,
                       const std::vector<std::string>& differences,
                       const catalog::Catalog& catalog) {
  Table table({"REGION", "BUNDLE", "ASKED", "ALLOWED", "REFUSED", "VIOLATIONS", "TIME"});
  std::string details;
  std::size_t answered = 0;
  for (const StateProof& state : regions) {
    if (!state.problem.empty()) {
      table.add({state.region, state.problem, "-", "-", "-", "-", "-"});
      continue;
    }
    ++answered;
    const json::object& a = state.answer;
    table.add({state.region, text_of(a, "bundleSha256").substr(0, 16), counted(a, "triples"),
               counted(a, "allowed"), counted(a, "refused"), counted(a, "violations"),
               counted(a, "tookMs") + " ms"});
    details += narrowings(a) + counterexamples(a, catalog);
  }
  std::string out = table.text() + details + "\n";
  for (const std::string& difference : differences) {
    out += fmt::format("row_differs  {}\n", difference);
  }
  if (differences.empty()) {
    out += fmt::format("rows     the same for each version, in the {} Regions that answered\n",
                       answered);
  }
  return out;
}

}  // namespace tidegate::cli
