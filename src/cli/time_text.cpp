#include "cli/time_text.hpp"

#include <charconv>
#include <cstdint>

namespace tidegate::cli {

std::optional<std::chrono::minutes> parse_duration(std::string_view text,
                                                   std::chrono::minutes most) {
  std::int64_t number = 0;
  const auto [unit, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || unit + 1 != text.data() + text.size()) return std::nullopt;
  const std::int64_t minutes = *unit == 'd' ? 24 * 60 : *unit == 'h' ? 60 : *unit == 'm' ? 1 : 0;
  if (minutes == 0 || number < 1 || number > most.count() / minutes) return std::nullopt;
  return std::chrono::minutes(number * minutes);
}

}  // namespace tidegate::cli
