// InvokeModel's bodies of Cohere Embed.
#include "body.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::body(tidegate::fuzz::text(data, size), "InvokeModel", "cohere.embed-v4:0");
}
