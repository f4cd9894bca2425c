// InvokeModel's bodies of Anthropic Messages.
#include "body.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::body(tidegate::fuzz::text(data, size), "InvokeModelWithResponseStream",
                              "anthropic.claude-3-haiku-20240307-v1:0");
}
