// Are the tool calls of a streamed answer well formed: a name, and a JSON object as input? Their
// pieces leave as they come, so only the stop reason can say that one was not: malformed_tool_use,
// as in an answer that is read whole.
#pragma once

#include "chat/conversation.hpp"

namespace tidegate::chat {

class ToolInputs {
 public:
  void see(const Delta& delta);
  // The reason to stop with, of the whole answer; `given` is the model server's.
  StopReason reason(StopReason given);

 private:
  void end_call();
  bool open_ = false, malformed_ = false;
  std::string input_;  // of the call that is open
};

}  // namespace tidegate::chat
