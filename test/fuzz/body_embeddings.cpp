// The bodies of the door /v1/embeddings.
#include "body.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::body(tidegate::fuzz::text(data, size), "Embeddings", "m");
}
