// The bodies of the door /v1/chat/completions.
#include "body.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::body(tidegate::fuzz::text(data, size), "ChatCompletions", "m");
}
