// The bodies of the door /anthropic/v1/messages.
#include "body.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::body(tidegate::fuzz::text(data, size), "Messages", "m");
}
