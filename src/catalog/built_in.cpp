// The library that is built in: profiles.json, embedded in the binary and parsed once.
#include <cstdlib>

#include "base/log.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::catalog {
namespace {

constexpr unsigned char profiles_json[] = {
#embed "profiles.json"
};

std::shared_ptr<const Catalog> load() {
  auto parsed =
      Catalog::parse({reinterpret_cast<const char*>(profiles_json), sizeof profiles_json});
  if (!parsed) {  // the unit tests parse the same bytes: a binary that gets here was never tested
    log::error("built_in_catalogue_is_broken", {{"why", parsed.error().message}});
    std::abort();
  }
  return *std::move(parsed);
}

}  // namespace

std::shared_ptr<const Catalog> Catalog::built_in() {
  static const std::shared_ptr<const Catalog> catalog = load();
  return catalog;
}

}  // namespace tidegate::catalog
