// The messages of a chat completion, one reader a role.
#pragma once

#include "chat/conversation.hpp"
#include "chat/field.hpp"

namespace tidegate::chat {

// Reads `messages` into turns: results of tools stand in the user's turn behind the calls, and
// neighbours of one role are one. Errors: validation.
Result<void> read_chat_messages(const Field& messages, std::vector<Message>& out);

// A function's name, of a tool, a call or a choice.
Result<std::string_view> read_function_name(const Field& function);

}  // namespace tidegate::chat
