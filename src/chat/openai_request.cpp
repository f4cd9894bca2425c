// A conversation as the body of an OpenAI chat completion. Written straight into one string: images
// and long histories are copied once.
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "chat/json_list.hpp"
#include "chat/openai.hpp"

namespace tidegate::chat {
namespace {

void append_text_part(std::string& out, std::string_view text) {
  out += R"({"type":"text","text":)";
  json::append_quoted(out, text);
  out += '}';
}

void append_image_part(std::string& out, const Image& image) {
  out += R"({"type":"image_url","image_url":{"url":"data:image/)";
  out += image.format;
  out += ";base64,";
  out += image.base64;
  out += R"("}})";
}

// The messages of the role "tool" carry text only; a result's images go into the user's turn behind
// it.
void append_tool_result(std::string& out, const ToolResult& result) {
  std::string text = result.error ? "Error: " : "";
  bool first = true;
  for (const auto& part : result.content) {
    if (std::holds_alternative<Image>(part)) continue;
    if (!std::exchange(first, false)) text += '\n';
    if (const auto* words = std::get_if<Text>(&part)) {
      text += words->text;
    } else {
      text += json::serialize(std::get<json::value>(part));
    }
  }
  out += R"({"role":"tool","tool_call_id":)";
  json::append_quoted(out, result.tool_use_id);
  out += R"(,"content":)";
  json::append_quoted(out, text);
  out += '}';
}

void append_user_parts(std::string& out, const Message& message) {
  out += '[';
  Commas parts;
  const auto add = [&](const auto& append, const auto& value) {
    parts.next(out);
    append(out, value);
  };
  for (const Block& block : message.blocks) {
    if (const auto* text = std::get_if<Text>(&block)) add(append_text_part, text->text);
    if (const auto* image = std::get_if<Image>(&block)) add(append_image_part, *image);
    if (const auto* document = std::get_if<Document>(&block)) {
      add(append_text_part, text_of(*document));
    }
    if (const auto* result = std::get_if<ToolResult>(&block)) {
      for (const auto& part : result->content) {
        if (const auto* image = std::get_if<Image>(&part)) add(append_image_part, *image);
      }
    }
  }
  out += ']';
}

// Tool results come first, each a message of its own, because that is where models look for them.
void append_user(std::string& out, const Message& message, Commas& messages) {
  std::size_t parts = 0;
  const Text* only_text = nullptr;
  for (const Block& block : message.blocks) {
    if (const auto* result = std::get_if<ToolResult>(&block)) {
      messages.next(out);
      append_tool_result(out, *result);
      for (const auto& part : result->content) parts += std::holds_alternative<Image>(part) ? 1 : 0;
    } else if (!std::holds_alternative<CachePoint>(block)) {
      only_text = std::get_if<Text>(&block);
      ++parts;
    }
  }
  if (parts == 0) return;
  messages.next(out);
  out += R"({"role":"user","content":)";
  if (parts == 1 && only_text) {
    json::append_quoted(out, only_text->text);
  } else {
    append_user_parts(out, message);
  }
  out += '}';
}

// All texts of a message as one string.
std::string joined_text(const Message& message, std::string_view separator) {
  std::string out;
  for (const Block& block : message.blocks) {
    const auto* text = std::get_if<Text>(&block);
    if (!text) continue;
    if (!out.empty()) out += separator;
    out += text->text;
  }
  return out;
}

void append_tool_calls(std::string& out, const Message& message) {
  out += R"(,"tool_calls":[)";
  Commas calls;
  for (const Block& block : message.blocks) {
    const auto* use = std::get_if<ToolUse>(&block);
    if (!use) continue;
    calls.next(out);
    out += R"({"id":)";
    json::append_quoted(out, use->id);
    out += R"(,"type":"function","function":{"name":)";
    json::append_quoted(out, use->name);
    out += R"(,"arguments":)";
    json::append_quoted(out, json::serialize(use->input));
    out += "}}";
  }
  out += ']';
}

// Reasoning of earlier turns is left out: models are trained without it, and servers differ in its
// name.
void append_assistant(std::string& out, const Message& message) {
  out += R"({"role":"assistant","content":)";
  const std::string text = joined_text(message, "\n");
  const bool calls = std::ranges::any_of(
      message.blocks, [](const Block& block) { return std::holds_alternative<ToolUse>(block); });
  if (text.empty() && calls) {
    out += "null";
  } else {
    json::append_quoted(out, text);
  }
  if (calls) append_tool_calls(out, message);
  out += '}';
}

void append_messages(std::string& out, const Conversation& conversation) {
  out += R"("messages":[)";
  Commas messages;
  for (const Message& message : conversation.messages) {
    if (message.role == Role::user) {
      append_user(out, message, messages);
      continue;
    }
    messages.next(out);
    if (message.role == Role::assistant) {
      append_assistant(out, message);
      continue;
    }
    out += R"({"role":"system","content":)";
    json::append_quoted(out, joined_text(message, "\n\n"));
    out += '}';
  }
  out += ']';
}

void append_tools(std::string& out, const Conversation& conversation) {
  if (conversation.tools.empty()) return;
  out += R"(,"tools":[)";
  Commas tools;
  for (const Tool& tool : conversation.tools) {
    tools.next(out);
    out += R"({"type":"function","function":{"name":)";
    json::append_quoted(out, tool.name);
    if (!tool.description.empty()) {
      out += R"(,"description":)";
      json::append_quoted(out, tool.description);
    }
    out += R"(,"parameters":)";
    out += json::serialize(tool.schema);
    if (tool.strict) out += R"(,"strict":true)";
    out += "}}";
  }
  out += ']';
  if (!conversation.tool_choice) return;
  switch (conversation.tool_choice->kind) {
    case ToolChoice::Kind::automatic:
      out += R"(,"tool_choice":"auto")";
      break;
    case ToolChoice::Kind::any:
      out += R"(,"tool_choice":"required")";
      break;
    case ToolChoice::Kind::none:
      out += R"(,"tool_choice":"none")";
      break;
    case ToolChoice::Kind::tool:
      out += R"(,"tool_choice":{"type":"function","function":{"name":)";
      json::append_quoted(out, conversation.tool_choice->name);
      out += "}}";
      break;
  }
  if (!conversation.tool_choice->parallel) out += R"(,"parallel_tool_calls":false)";
}

void append_sampling(std::string& out, const Sampling& sampling) {
  const auto to = std::back_inserter(out);
  if (sampling.max_tokens) {
    out += R"(,"max_tokens":)";
    json::append_number(out, *sampling.max_tokens);
  }
  if (sampling.temperature) fmt::format_to(to, R"(,"temperature":{})", *sampling.temperature);
  if (sampling.top_p) fmt::format_to(to, R"(,"top_p":{})", *sampling.top_p);
  if (sampling.top_k) fmt::format_to(to, R"(,"top_k":{})", *sampling.top_k);
  if (!sampling.stop_sequences.empty()) {
    out += R"(,"stop":[)";
    Commas sequences;
    for (const std::string& sequence : sampling.stop_sequences) {
      sequences.next(out);
      json::append_quoted(out, sequence);
    }
    out += ']';
  }
  if (!sampling.effort.empty()) {
    out += R"(,"reasoning_effort":)";
    json::append_quoted(out, sampling.effort);
  }
  if (sampling.thinking) {
    fmt::format_to(to, R"(,"chat_template_kwargs":{{"enable_thinking":{}}})", *sampling.thinking);
  }
}

void append_output_schema(std::string& out, const OutputSchema& schema) {
  out += R"(,"response_format":{"type":"json_schema","json_schema":{"name":)";
  json::append_quoted(out, schema.name.empty() ? "answer" : schema.name);
  if (!schema.description.empty()) {
    out += R"(,"description":)";
    json::append_quoted(out, schema.description);
  }
  out += R"(,"schema":)";
  out += json::serialize(schema.schema);
  out += R"(,"strict":true}})";
}

// About how long the body will be: the texts, and what stands around them.
std::size_t size_of(const Conversation& conversation) {
  constexpr std::size_t around = 256, around_block = 48;
  std::size_t out = around;
  for (const Message& message : conversation.messages) {
    for (const Block& block : message.blocks) {
      out += around_block;
      if (const auto* text = std::get_if<Text>(&block)) out += text->text.size() * 17 / 16;
      if (const auto* image = std::get_if<Image>(&block)) out += image->base64.size();
    }
  }
  return out;
}

// Whether `key` is ours to write: what the caller has said already in Converse's own members, and
// what would change which model answers, how often, or how the answer is framed.
bool is_taken(std::string_view key, const Conversation& conversation) {
  static constexpr auto always = std::to_array<std::string_view>(
      {"model", "messages", "stream", "stream_options", "n", "tools", "tool_choice", "prompt",
       "max_completion_tokens", "return_token_ids", "logprobs", "echo"});
  if (std::ranges::find(always, key) != always.end()) return true;
  const Sampling& sampling = conversation.sampling;
  return (key == "max_tokens" && sampling.max_tokens) ||
         (key == "temperature" && sampling.temperature) || (key == "top_p" && sampling.top_p) ||
         (key == "top_k" && sampling.top_k) ||
         (key == "stop" && !sampling.stop_sequences.empty()) ||
         (key == "reasoning_effort" && !sampling.effort.empty()) ||
         (key == "chat_template_kwargs" && sampling.thinking) ||
         (key == "response_format" && conversation.output_schema);
}

}  // namespace

Result<void> check_openai(const Conversation& conversation) {
  for (const auto& field : conversation.additional) {
    if (!is_taken(field.key(), conversation)) continue;
    return fail(
        Error{.code = ErrorCode::validation,
              .origin = Origin::client,
              .message = fmt::format("The additional field {} conflicts with an existing field.",
                                     std::string_view(field.key())),
              .mend = "Remove it from additionalModelRequestFields.",
              .why = {}});
  }
  return {};
}

Result<std::string> openai_request(const Conversation& conversation, std::string_view model,
                                   Streaming streaming) {
  TRY_VOID(check_openai(conversation));
  std::string out;
  out.reserve(size_of(conversation));
  out += R"({"model":)";
  json::append_quoted(out, model);
  out += ',';
  append_messages(out, conversation);
  append_sampling(out, conversation.sampling);
  append_tools(out, conversation);
  if (conversation.output_schema) append_output_schema(out, *conversation.output_schema);
  for (const auto& field : conversation.additional) {
    out += ',';
    json::append_quoted(out, field.key());
    out += ':';
    out += json::serialize(field.value());
  }
  if (streaming == Streaming::yes) {
    out += R"(,"stream":true,"stream_options":{"include_usage":true})";
  }
  out += '}';
  return out;
}

}  // namespace tidegate::chat
