// A model server's streamed answer, whatever its format: bytes in, deltas out, as they arrive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "chat/conversation.hpp"

namespace tidegate::chat {

class StreamReader {
 public:
  virtual ~StreamReader() = default;
  // Errors: model_stream_error; the deltas before the error are in `out`.
  virtual Result<void> feed(std::string_view bytes, std::vector<Delta>& out) = 0;
  // At the end of the body. Errors: the answer broke off, that is, the model gave no reason to
  // stop.
  virtual Result<void> finish(std::vector<Delta>& out) = 0;
  // The server has said all it had to say: only the end of the body is missing.
  virtual bool done() const = 0;
  // The event that said the server failed, as it came: to be classified, never shown.
  virtual const std::string& error_event() const = 0;
};

}  // namespace tidegate::chat
