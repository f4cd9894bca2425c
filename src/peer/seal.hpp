// A sealed document: base64url(RFC 8785 JSON) "." base64url(HMAC-SHA-256). The MAC covers a label
// too, so that one kind of document never passes for another under the same link secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tidegate::peer {

std::string seal(std::string_view label, std::string_view json, std::string_view link_secret);

// The JSON text, its MAC checked; nullopt where it is not one, too long, or sealed under another
// secret or label.
std::optional<std::string> unseal(std::string_view label, std::string_view wire,
                                  std::string_view link_secret, std::size_t bytes_max);

bool is_hex_digest(std::string_view text);  // 64 lower-case hex digits

}  // namespace tidegate::peer
