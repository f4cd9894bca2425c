// Bedrock's own formats, and their reader for whoever holds a Converse body inside another.
#pragma once

#include "chat/converse_member.hpp"
#include "chat/format.hpp"

namespace tidegate::chat {

const Format& converse_format();
const Format& converse_stream_format();
const Format& count_tokens_format();

// parse_converse() for a body that has been parsed: of Converse, or inside CountTokens. Errors:
// its.
Result<Conversation> read_converse(const Member& root, const AdditionalFields& fields);
// Errors: malformed_json, of origin client.
Result<json::value> parse_client_json(std::string_view body, json::Arena& arena);

}  // namespace tidegate::chat
