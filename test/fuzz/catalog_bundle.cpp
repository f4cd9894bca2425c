// Bundles and catalogues: what is taken is written as it was, and its canonical form is taken too.
#include "catalog/bundle.hpp"
#include "fuzz.hpp"

FUZZ_TARGET(data, size) {
  using tidegate::catalog::Bundle;
  const std::string_view text = tidegate::fuzz::text(data, size);
  if (const auto bundle = Bundle::parse(text)) {
    const std::string written = bundle->text();
    CHECK(written == text || written == std::string(text) + "\n");
    CHECK(Bundle::parse(written).has_value());
  }
  if (tidegate::catalog::Catalog::parse(text)) {
    const auto drafted = Bundle::draft(text, 1, "");
    CHECK(drafted.has_value() && Bundle::parse(drafted->text()).has_value());
  }
  return 0;
}
