// The stream of Anthropic-compatible model servers.
#include "stream.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::stream<tidegate::chat::AnthropicStreamReader>(
      tidegate::fuzz::Input(data, size));
}
