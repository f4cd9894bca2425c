// The canonical conversation: what every format is translated to and from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.hpp"

namespace tidegate::chat {

enum class Role : std::uint8_t { system, user, assistant };

struct Text { std::string text; };
struct Image { std::string format; std::string bytes; };                    // "png"; raw bytes
struct Document { std::string name, format; std::string bytes; };           // "txt", "md", "csv", "html": text only
struct ToolUse { std::string id, name; json::value input; };
struct ToolResult { std::string tool_use_id; std::vector<std::variant<Text, json::value, Image>> content; bool error = false; };
struct Reasoning { std::string text; };
struct CachePoint {};

using Block = std::variant<Text, Image, Document, ToolUse, ToolResult, Reasoning, CachePoint>;

struct Message {
  Role role;
  std::vector<Block> blocks;
};

struct Tool { std::string name, description; json::value schema; };
struct ToolChoice { enum class Kind : std::uint8_t { automatic, any, tool } kind = Kind::automatic; std::string name; };

struct Sampling {
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature, top_p;
  std::optional<std::int64_t> top_k;
  std::vector<std::string> stop_sequences;
};

struct Conversation {
  std::vector<Message> messages;          // system messages first
  Sampling sampling;
  std::vector<Tool> tools;
  std::optional<ToolChoice> tool_choice;
  json::object additional;                // model-specific fields that the model's configuration lets through
  json::object request_metadata;
  std::optional<json::value> json_schema; // structured output
};

enum class StopReason : std::uint8_t { end_turn, max_tokens, stop_sequence, tool_use, content_filtered, context_window_exceeded, malformed_tool_use };
std::string_view name_of(StopReason reason);   // Converse's words

struct Usage { std::int64_t input_tokens = 0, output_tokens = 0, cache_read_tokens = 0, cache_write_tokens = 0; };

struct Completion {
  std::vector<Block> blocks;     // Text, Reasoning, ToolUse
  StopReason stop_reason = StopReason::end_turn;
  Usage usage;
};

// A streamed answer, piece by piece.
struct TextDelta { std::string text; };
struct ReasoningDelta { std::string text; };
struct ToolUseStart { std::string id, name; };
struct ToolUseDelta { std::string json; };
struct Stop { StopReason reason; };
using Delta = std::variant<TextDelta, ReasoningDelta, ToolUseStart, ToolUseDelta, Stop, Usage>;

}  // namespace tidegate::chat
