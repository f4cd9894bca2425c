// The formats besides Bedrock's own: InvokeModel's body families and the doors of other APIs.
#pragma once

#include "chat/format.hpp"

namespace tidegate::chat {

const Format& anthropic_invoke_format();
const Format& anthropic_invoke_stream_format();
const Format& anthropic_messages_format();
const Format& anthropic_count_tokens_format();

const Format& nova_invoke_format();
const Format& nova_invoke_stream_format();

const Format& cohere_embed_format();

const Format& chat_completions_format();
const Format& embeddings_format();

// The model that a door's body names, without reading more of it than that takes. Errors, of origin
// client: malformed_json, validation in the words of the door.
Result<std::string> model_in_body(std::string_view body, aws::Protocol door);

}  // namespace tidegate::chat
