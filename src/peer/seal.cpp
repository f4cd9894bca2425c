#include "peer/seal.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace tidegate::peer {
namespace {

Sha256 mac_of(std::string_view label, std::string_view json, std::string_view link_secret) {
  std::string text(label);
  text += '\0';
  text += json;
  return hmac_sha256(link_secret, text);
}

}  // namespace

std::string seal(std::string_view label, std::string_view json, std::string_view link_secret) {
  std::string out = to_base64url(json);
  out += '.';
  out += to_base64url(view(mac_of(label, json, link_secret)));
  return out;
}

std::optional<std::string> unseal(std::string_view label, std::string_view wire,
                                  std::string_view link_secret, std::size_t bytes_max) {
  if (wire.size() > bytes_max || link_secret.empty()) return std::nullopt;
  const auto dot = wire.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  auto json = from_base64url(wire.substr(0, dot));
  const auto mac = from_base64url(wire.substr(dot + 1));
  if (!json || !mac) return std::nullopt;
  if (!constant_time_equal(view(mac_of(label, *json, link_secret)), *mac)) return std::nullopt;
  return json;
}

bool is_hex_digest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace tidegate::peer
