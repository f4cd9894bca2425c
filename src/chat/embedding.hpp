// Texts as vectors: what every embedding format is translated to and from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidegate::chat {

struct EmbeddingRequest {
  std::vector<std::string> texts;
  std::optional<std::int64_t> dimensions;  // of each vector; the model's own where absent
};

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // one a text, in order
  std::int64_t input_tokens = 0;
};

}  // namespace tidegate::chat
