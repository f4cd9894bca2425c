// JSON: what was parsed and written is parsed to the same again, in the canonical form too.
#include "base/json.hpp"

#include "fuzz.hpp"

namespace json = tidegate::json;

FUZZ_TARGET(data, size) {
  const auto value = json::parse(tidegate::fuzz::text(data, size));
  if (!value) return 0;
  const std::string once = json::serialize(*value);
  const auto again = json::parse(once);
  CHECK(again && json::serialize(*again) == once);
  const std::string canonical = json::canonical(*value);
  const auto from_canonical = json::parse(canonical);
  CHECK(from_canonical && json::canonical(*from_canonical) == canonical);
  return 0;
}
