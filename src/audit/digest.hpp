// A digest as JSON documents have it: 64 hexadecimal digits.
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "base/json.hpp"

namespace tidegate::audit {

inline std::optional<Sha256> find_digest(const json::object& o, std::string_view name) {
  const auto text = json::find_string(o, name);
  return text ? sha256_from_hex(*text) : std::nullopt;
}

}  // namespace tidegate::audit
