// The stream of OpenAI-compatible model servers.
#include "stream.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::stream<tidegate::chat::OpenAiStreamReader>(
      tidegate::fuzz::Input(data, size));
}
