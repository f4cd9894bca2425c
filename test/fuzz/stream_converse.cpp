// The stream of Amazon Bedrock as a model server.
#include "stream.hpp"

FUZZ_TARGET(data, size) {
  return tidegate::fuzz::stream<tidegate::chat::ConverseStreamReader>(
      tidegate::fuzz::Input(data, size));
}
