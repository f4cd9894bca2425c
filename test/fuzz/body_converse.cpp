// The bodies of Converse and ConverseStream.
#include "body.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::body(tidegate::fuzz::text(data, size), "ConverseStream",
                              "amazon.nova-2-lite-v1:0");
}
