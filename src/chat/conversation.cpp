#include "chat/conversation.hpp"

#include <fmt/format.h>

namespace tidegate::chat {

std::string text_of(const Document& document) {
  return fmt::format("Document \"{}\" ({}):\n{}", document.name, document.format, document.text);
}

std::string_view name_of(StopReason reason) {
  switch (reason) {
    case StopReason::end_turn:
      return "end_turn";
    case StopReason::max_tokens:
      return "max_tokens";
    case StopReason::stop_sequence:
      return "stop_sequence";
    case StopReason::tool_use:
      return "tool_use";
    case StopReason::content_filtered:
      return "content_filtered";
    case StopReason::context_window_exceeded:
      return "model_context_window_exceeded";
    case StopReason::malformed_tool_use:
      return "malformed_tool_use";
  }
  return "end_turn";
}

StopReason refine(StopReason reason, const Usage& usage, std::optional<std::int64_t> max_tokens) {
  if (reason != StopReason::max_tokens || usage.output_tokens == 0) return reason;
  return usage.output_tokens < max_tokens.value_or(INT64_MAX) ? StopReason::context_window_exceeded
                                                              : reason;
}

}  // namespace tidegate::chat
