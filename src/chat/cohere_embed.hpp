// Cohere Embed, versions 3 and 4, as InvokeModel carries it.
// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "chat/embedding.hpp"

namespace tidegate::chat {

// What can be made of a vector of floats without knowing the model: int8 and uint8 cannot, because
// their scale is Cohere's own.
enum class CohereType : std::uint8_t { floats, binary, ubinary };

struct CohereRequest {
  EmbeddingRequest order;
  std::vector<CohereType> types;  // empty: "embeddings_floats"
};

// `model_id` tells version 3 from 4. Errors, of origin client: malformed_json, validation in the
// words of AWS's schema check. input_type and truncate are checked and change nothing: a model
// server embeds texts as they are, and refuses those that are too long.
Result<CohereRequest> parse_cohere_embed(std::string_view body, std::string_view model_id);

// `id` is a UUID.
std::string cohere_embed_answer(const Embeddings& embeddings, const CohereRequest& request,
                                std::string_view id);

}  // namespace tidegate::chat
