// Which layer of the fence a test build was started without (docs/explanation/fence.md,
// "Sabotage"). In every other build off() is the constant false: the layers' names, and the
// variable that names the one, are not in the program.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidegate::sabotage {

enum class Layer : std::uint8_t { proof, row, signer, link, admission };

#ifdef TIDEGATE_SABOTAGE
// Read once from TIDEGATE_SABOTAGE, names with commas between them. A name that is not known ends
// the process: a test that believes a layer is off must not run with it on.
bool off(Layer layer);
// From here on. Until then only the proof can be off: it asks the other layers, and would find the
// one that is missing before the gateway serves.
void begin();
// The file of the catalogue that takes the place of the built-in one, from
// TIDEGATE_SABOTAGE_CATALOG; empty: none.
std::string_view planted_catalog();
#else
constexpr bool off(Layer) {
  return false;
}
inline void begin() {}
constexpr std::string_view planted_catalog() {
  return {};
}
#endif

}  // namespace tidegate::sabotage
