// additionalModelRequestFields: what a model takes beyond Converse's own members.
#pragma once

#include "chat/conversation.hpp"
#include "chat/converse.hpp"
#include "chat/converse_member.hpp"

namespace tidegate::chat {

// Lets through what `fields` allows, and takes top-k and reasoning out of it into the sampling,
// however they are spelled. Errors: validation, in the words of AWS's schema check ("extraneous
// key"), or two members that say the same.
Result<void> read_additional(const Member& member, const AdditionalFields& fields,
                             Conversation& conversation);

}  // namespace tidegate::chat
