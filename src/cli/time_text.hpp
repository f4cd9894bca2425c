// Times as people write them on a command line.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace tidegate::cli {

// "30d", "12h", "90m": from one minute to `most`; nullopt: it is not one.
std::optional<std::chrono::minutes> parse_duration(std::string_view text,
                                                   std::chrono::minutes most);

}  // namespace tidegate::cli
