// The canonical conversation: what every format is translated to and from. Values own their bytes;
// nothing here points into a request body, so a conversation may outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.hpp"

namespace tidegate::chat {

enum class Role : std::uint8_t { system, user, assistant };

struct Text {
  std::string text;
};
// Base64 as it came, checked: every format carries images that way, so the bytes are never decoded.
struct Image {
  std::string format;  // "png"
  std::string base64;
};
struct Document {
  std::string name, format;  // "txt", "md", "csv", "html": text only
  std::string text;
};
struct ToolUse {
  std::string id, name;
  json::value input;
};
struct ToolResult {
  std::string tool_use_id;
  std::vector<std::variant<Text, json::value, Image>> content;
  bool error = false;
};
struct Reasoning {
  std::string text;
  std::string signature = {};  // of the provider that wrote it; empty where there is none
};
struct CachePoint {};

// How a document is told to a model server that takes text only.
std::string text_of(const Document& document);

using Block = std::variant<Text, Image, Document, ToolUse, ToolResult, Reasoning, CachePoint>;

struct Message {
  Role role;
  std::vector<Block> blocks;
};

struct Tool {
  std::string name, description;
  json::value schema;
  bool strict = false;
};
struct ToolChoice {
  enum class Kind : std::uint8_t { automatic, any, tool, none } kind = Kind::automatic;
  std::string name;
  bool parallel = true;  // several calls in one turn
};

struct Sampling {
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature, top_p;
  std::optional<std::int64_t> top_k;
  std::vector<std::string> stop_sequences;
  std::string effort;                                // of reasoning; empty: the model's own
  std::optional<bool> thinking;                      // whether to reason at all
  std::optional<std::int64_t> thinking_budget = {};  // in tokens, of max_tokens
};

// Structured output: the answer's text is JSON of this schema.
struct OutputSchema {
  std::string name, description;
  json::value schema;
};

// What the caller asked for by name and gets back in the answer, as Converse does.
struct Echo {
  bool performance_config = false;  // {"latency":"standard"}
  bool service_tier = false;        // {"type":"default"}
};

struct Conversation {
  std::vector<Message> messages;  // system messages first
  Sampling sampling;
  std::vector<Tool> tools;
  std::optional<ToolChoice> tool_choice;
  json::object additional;  // model-specific fields that the model's configuration lets through
  json::object request_metadata;
  std::vector<std::string> response_paths;  // JSON pointers into the back-end's own answer
  std::optional<OutputSchema> output_schema;
  Echo echo;
};

enum class StopReason : std::uint8_t {
  end_turn,
  max_tokens,
  stop_sequence,
  tool_use,
  content_filtered,
  context_window_exceeded,
  malformed_tool_use,
};
std::string_view name_of(StopReason reason);  // Converse's words

// Input tokens are those that were not read from the cache.
struct Usage {
  std::int64_t input_tokens = 0, output_tokens = 0, cache_read_tokens = 0, cache_write_tokens = 0;
  std::int64_t total() const {
    return input_tokens + output_tokens + cache_read_tokens + cache_write_tokens;
  }
};

struct Completion {
  std::vector<Block> blocks;  // Text, Reasoning, ToolUse
  StopReason stop_reason = StopReason::end_turn;
  Usage usage;
  std::string stop_sequence = {};  // that matched, where the model server tells
  json::object additional = {};    // what Conversation::response_paths found
};

// A model that stopped for length before the caller's own limit has filled its context window.
StopReason refine(StopReason reason, const Usage& usage, std::optional<std::int64_t> max_tokens);

// A streamed answer, piece by piece.
struct TextDelta {
  std::string text;
};
struct ReasoningDelta {
  std::string text;
  std::string signature = {};
};
struct ToolUseStart {
  std::string id, name;
};
struct ToolUseDelta {
  std::string json;
};
struct Stop {
  StopReason reason;
  std::string sequence = {};     // that matched, where the model server tells
  json::object additional = {};  // what Conversation::response_paths found
};
using Delta = std::variant<TextDelta, ReasoningDelta, ToolUseStart, ToolUseDelta, Stop, Usage>;

}  // namespace tidegate::chat
