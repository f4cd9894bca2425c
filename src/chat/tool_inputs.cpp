#include "chat/tool_inputs.hpp"

#include "base/limits.hpp"
#include "chat/converse_blocks.hpp"

namespace tidegate::chat {

void ToolInputs::see(const Delta& delta) {
  if (const auto* start = std::get_if<ToolUseStart>(&delta)) {
    end_call();
    open_ = true;
    malformed_ |= !is_tool_name(start->name);
  } else if (const auto* piece = std::get_if<ToolUseDelta>(&delta)) {
    // What is longer than a whole answer may be is not looked at, and so not vouched for.
    if (input_.size() + piece->json.size() > limits::backend_answer_bytes_max) {
      malformed_ = true;
    } else {
      input_ += piece->json;
    }
  }
}

StopReason ToolInputs::reason(StopReason given) {
  end_call();
  // A call that the limit cut off says so by itself.
  const bool cut = given == StopReason::max_tokens || given == StopReason::context_window_exceeded;
  return malformed_ && !cut ? StopReason::malformed_tool_use : given;
}

void ToolInputs::end_call() {
  if (open_ && !input_.empty()) {
    const auto parsed = json::parse(input_);
    malformed_ |= !parsed || !parsed->is_object();
  }
  open_ = false;
  input_.clear();
}

}  // namespace tidegate::chat
