// A digest as JSON documents have it: 64 hexadecimal digits.
#pragma once

#include <algorithm>
#include <optional>

#include "base/bytes.hpp"
#include "base/json.hpp"

namespace tidegate::audit {

inline std::optional<Sha256> find_digest(const json::object& o, std::string_view name) {
  const auto text = json::find_string(o, name);
  const auto bytes = text ? from_hex(*text) : std::nullopt;
  Sha256 digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

}  // namespace tidegate::audit
