// The content blocks of a Converse message, one reader a kind.
#pragma once

#include <algorithm>

#include "chat/conversation.hpp"
#include "chat/converse_member.hpp"

namespace tidegate::chat {

// Reads one element of a message's `content` (or of `system`, with Role::system). Errors:
// malformed_json, validation.
Result<void> read_block(const Member& block, Role role, std::vector<Block>& out);

inline bool is_identifier_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}
inline bool is_tool_use_id_char(char c) {
  return is_identifier_char(c) || c == '.' || c == ':';
}
inline constexpr std::size_t tool_use_id_chars_max = 64;
inline constexpr std::size_t tool_name_chars_max = 64;
inline bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= tool_name_chars_max &&
         std::ranges::all_of(name, is_identifier_char);
}

// RFC 4648 section 4, looked at and not decoded: what is carried on is the text itself.
bool is_base64(std::string_view text);

// Tool names, as toolSpec, toolUse and toolChoice give them.
Result<std::string_view> read_tool_name(const Member& holder);

}  // namespace tidegate::chat
