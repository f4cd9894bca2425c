// JSON: read as the library by itself reads it, and what was parsed and written is parsed to the
// same again, in the canonical form too.
#include <algorithm>

#include "base/json.hpp"
#include "base/limits.hpp"

#include "fuzz.hpp"

namespace json = tidegate::json;

namespace {

// Numbers aside, which Boost.JSON may round to a neighbour.
bool same(const json::value& a, const json::value& b) {
  if (a.kind() != b.kind()) return false;
  if (const auto* array = a.if_array()) {
    return std::ranges::equal(*array, b.get_array(), same);
  }
  if (const auto* object = a.if_object()) {
    return std::ranges::equal(*object, b.get_object(), [](const auto& x, const auto& y) {
      return x.key() == y.key() && same(x.value(), y.value());
    });
  }
  return a.is_number() || a == b;
}

}  // namespace

FUZZ_TARGET(data, size) {
  const auto value = json::parse(tidegate::fuzz::text(data, size));
  if (!value) return 0;
  const auto whole = tidegate::fuzz::text(data, size);
  boost::json::parse_options deep;
  deep.max_depth = tidegate::limits::json_depth_max;
  CHECK(same(*value, boost::json::parse(whole, {}, deep)));
  const std::string once = json::serialize(*value);
  const auto again = json::parse(once);
  CHECK(again && json::serialize(*again) == once);
  const std::string canonical = json::canonical(*value);
  const auto from_canonical = json::parse(canonical);
  CHECK(from_canonical && json::canonical(*from_canonical) == canonical);
  return 0;
}
