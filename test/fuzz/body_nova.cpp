// InvokeModel's bodies of Amazon Nova.
#include "body.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::body(tidegate::fuzz::text(data, size), "InvokeModelWithResponseStream",
                              "amazon.nova-lite-v1:0");
}
