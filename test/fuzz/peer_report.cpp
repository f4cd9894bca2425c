// Load reports of another gateway: exactly what would have been written is taken.
#include "fuzz.hpp"
#include "peer/wire.hpp"

FUZZ_TARGET(data, size) {
  const std::string_view text = tidegate::fuzz::text(data, size);
  if (const auto report = tidegate::peer::Report::decode(text)) CHECK(report->encode() == text);
  return 0;
}
