// The content blocks of Anthropic's Messages, one reader a kind.
#pragma once

#include "chat/conversation.hpp"
#include "chat/field.hpp"

namespace tidegate::chat {

// A message's `content`, or `system`: a string, or a list of blocks. A cache_control becomes a
// cache point behind its block. Errors: validation.
Result<void> read_anthropic_content(const Field& content, Role role, std::vector<Block>& out);

// Reads {"type":"ephemeral","ttl":"5m"} where there is one, and says whether.
Result<bool> read_cache_control(const Field& holder);

}  // namespace tidegate::chat
