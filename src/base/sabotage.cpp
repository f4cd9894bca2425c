#include "base/sabotage.hpp"

#ifdef TIDEGATE_SABOTAGE

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

#include "base/log.hpp"

namespace tidegate::sabotage {
namespace {

constexpr std::array<std::string_view, 5> names{"proof", "row", "signer", "link", "admission"};
std::atomic<bool> begun{false};

using Set = std::array<bool, names.size()>;

Set read() {
  Set off{};
  const char* const variable = std::getenv("TIDEGATE_SABOTAGE");
  std::string_view rest = variable ? variable : "";
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      log::error("sabotage_unknown_layer", {{"layer", name}});
      std::abort();
    }
    off[static_cast<std::size_t>(found - names.begin())] = true;
    log::warn("sabotage", {{"layer_off", name}});
  }
  return off;
}

}  // namespace

bool off(Layer layer) {
  static const Set set = read();
  return (layer == Layer::proof || begun) && set[static_cast<std::size_t>(layer)];
}

std::string_view planted_catalog() {
  const char* const file = std::getenv("TIDEGATE_SABOTAGE_CATALOG");
  return file ? file : "";
}

void begin() {
  begun = true;
}

}  // namespace tidegate::sabotage

#endif
