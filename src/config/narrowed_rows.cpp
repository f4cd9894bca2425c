#include "config/narrowed_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tidegate::config {

void read_narrowed_rows(Reader& reader, const YAML::Node& node,
                        std::vector<identity::NarrowedRow>& out) {
  constexpr std::string_view name = "narrowed_rows";
  constexpr std::string_view mend =
      "write it like {eu.amazon.nova-2-lite-v1:0: [eu-central-1, eu-west-1]}";
  if (!reader.is_map(node, name)) return;
  for (const auto& entry : node) {
    identity::NarrowedRow narrowed;
    if (auto profile = reader.text(entry.first, name)) narrowed.profile = std::move(*profile);
    if (!reader.is_list(entry.second, narrowed.profile)) continue;
    for (const YAML::Node& item : entry.second) {
      if (auto region = reader.text(item, name)) narrowed.regions.push_back(std::move(*region));
    }
    const bool again =
        std::ranges::find(out, narrowed.profile, &identity::NarrowedRow::profile) != out.end();
    if (narrowed.regions.empty() || again) {
      reader.problem(entry.first.Mark(),
                     fmt::format("\"{}\" {}", narrowed.profile,
                                 again ? "is in narrowed_rows twice" : "is left without a Region"),
                     again ? "only one of the two could hold" : "nothing could run",
                     std::string(mend));
      continue;
    }
    out.push_back(std::move(narrowed));
  }
}

}  // namespace tidegate::config
