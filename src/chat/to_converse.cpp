// A conversation as the body of Converse, written straight into one string. What the caller asked
// of the service rather than of the model (tiers, performance) was dealt with here and stays.
#include "chat/to_converse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "chat/json_list.hpp"

namespace tidegate::chat {
namespace {

void append_text(std::string& out, std::string_view text) {
  append_member(out, R"({"text":)", text);
  out += '}';
}

void append_image(std::string& out, const Image& image) {
  out += R"({"image":{"format":")";
  out += image.format;
  out += R"(","source":{"bytes":")";
  out += image.base64;
  out += R"("}}})";
}

void append_document(std::string& out, const Document& document) {
  out += R"({"document":{"format":")";
  out += document.format;
  append_member(out, R"(","name":)", document.name);
  out += R"(,"source":{"bytes":")";
  out += to_base64(document.text);
  out += R"("}}})";
}

void append_use(std::string& out, const ToolUse& use) {
  append_member(out, R"({"toolUse":{"toolUseId":)", use.id);
  append_member(out, R"(,"name":)", use.name);
  out += R"(,"input":)";
  out += json::serialize(use.input);
  out += "}}";
}

void append_result(std::string& out, const ToolResult& result) {
  append_member(out, R"({"toolResult":{"toolUseId":)", result.tool_use_id);
  if (result.error) out += R"(,"status":"error")";
  out += R"(,"content":[)";
  Commas parts;
  for (const auto& part : result.content) {
    parts.next(out);
    if (const auto* text = std::get_if<Text>(&part)) {
      append_text(out, text->text);
    } else if (const auto* image = std::get_if<Image>(&part)) {
      append_image(out, *image);
    } else {
      out += R"({"json":)";
      out += json::serialize(std::get<json::value>(part));
      out += '}';
    }
  }
  out += "]}}";
}

void append_reasoning(std::string& out, const Reasoning& reasoning) {
  append_member(out, R"({"reasoningContent":{"reasoningText":{"text":)", reasoning.text);
  if (!reasoning.signature.empty()) append_member(out, R"(,"signature":)", reasoning.signature);
  out += "}}}";
}

void append_blocks(std::string& out, const Message& message, Commas& blocks) {
  for (const Block& block : message.blocks) {
    blocks.next(out);
    if (const auto* text = std::get_if<Text>(&block)) {
      append_text(out, text->text);
    } else if (const auto* image = std::get_if<Image>(&block)) {
      append_image(out, *image);
    } else if (const auto* document = std::get_if<Document>(&block)) {
      append_document(out, *document);
    } else if (const auto* use = std::get_if<ToolUse>(&block)) {
      append_use(out, *use);
    } else if (const auto* result = std::get_if<ToolResult>(&block)) {
      append_result(out, *result);
    } else if (const auto* reasoning = std::get_if<Reasoning>(&block)) {
      append_reasoning(out, *reasoning);
    } else {
      out += R"({"cachePoint":{"type":"default"}})";
    }
  }
}

void append_messages(std::string& out, const Conversation& conversation) {
  out += R"("messages":[)";
  Commas messages;
  for (const Message& message : conversation.messages) {
    if (message.role == Role::system) continue;
    messages.next(out);
    out += R"({"role":")";
    out += message.role == Role::user ? "user" : "assistant";
    out += R"(","content":[)";
    Commas blocks;
    append_blocks(out, message, blocks);
    out += "]}";
  }
  out += ']';
  if (std::ranges::find(conversation.messages, Role::system, &Message::role) ==
      conversation.messages.end()) {
    return;
  }
  out += R"(,"system":[)";
  Commas blocks;
  for (const Message& message : conversation.messages) {
    if (message.role == Role::system) append_blocks(out, message, blocks);
  }
  out += ']';
}

void append_sampling(std::string& out, const Sampling& sampling) {
  out += R"(,"inferenceConfig":{)";
  Commas members;
  const auto number = [&](std::string_view name, const auto& value) {
    if (!value) return;
    members.next(out);
    fmt::format_to(std::back_inserter(out), R"("{}":{})", name, *value);
  };
  number("maxTokens", sampling.max_tokens);
  number("temperature", sampling.temperature);
  number("topP", sampling.top_p);
  if (!sampling.stop_sequences.empty()) {
    members.next(out);
    out += R"("stopSequences":[)";
    Commas sequences;
    for (const std::string& sequence : sampling.stop_sequences) {
      sequences.next(out);
      json::append_quoted(out, sequence);
    }
    out += ']';
  }
  out += '}';
}

void append_tools(std::string& out, const Conversation& conversation) {
  using Kind = ToolChoice::Kind;
  const auto& choice = conversation.tool_choice;
  // Converse cannot say "none": tools that may not be called are left out.
  if (conversation.tools.empty() || (choice && choice->kind == Kind::none)) return;
  out += R"(,"toolConfig":{"tools":[)";
  Commas tools;
  for (const Tool& tool : conversation.tools) {
    tools.next(out);
    append_member(out, R"({"toolSpec":{"name":)", tool.name);
    if (!tool.description.empty()) append_member(out, R"(,"description":)", tool.description);
    out += R"(,"inputSchema":{"json":)";
    out += json::serialize(tool.schema);
    out += '}';
    if (tool.strict) out += R"(,"strict":true)";
    out += "}}";
  }
  out += ']';
  if (choice && choice->kind == Kind::automatic) out += R"(,"toolChoice":{"auto":{}})";
  if (choice && choice->kind == Kind::any) out += R"(,"toolChoice":{"any":{}})";
  if (choice && choice->kind == Kind::tool) {
    append_member(out, R"(,"toolChoice":{"tool":{"name":)", choice->name);
    out += "}}";
  }
  out += '}';
}

void append_output_config(std::string& out, const Conversation& conversation) {
  const std::string& effort = conversation.sampling.effort;
  if (!conversation.output_schema && effort.empty()) return;
  out += R"(,"outputConfig":{)";
  if (conversation.output_schema) {
    const OutputSchema& schema = *conversation.output_schema;
    append_member(out, R"("textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":)",
                  json::serialize(schema.schema));
    if (!schema.name.empty()) append_member(out, R"(,"name":)", schema.name);
    if (!schema.description.empty()) append_member(out, R"(,"description":)", schema.description);
    out += "}}}";
    if (!effort.empty()) out += ',';
  }
  if (!effort.empty()) append_member(out, R"("effort":)", effort);
  out += '}';
}

// What the reader took out of the additional fields goes back in, as Claude spells it.
void append_additional(std::string& out, const Conversation& conversation) {
  json::object fields = conversation.additional;
  const Sampling& sampling = conversation.sampling;
  if (sampling.top_k) fields["top_k"] = *sampling.top_k;
  if (sampling.thinking) {
    json::object thinking{{"type", *sampling.thinking ? "enabled" : "disabled"}};
    if (*sampling.thinking && sampling.thinking_budget) {
      thinking["budget_tokens"] = *sampling.thinking_budget;
    }
    fields["thinking"] = std::move(thinking);
  }
  if (!fields.empty()) {
    out += R"(,"additionalModelRequestFields":)";
    out += boost::json::serialize(fields);
  }
}

}  // namespace

std::string to_converse(const Conversation& conversation) {
  std::string out = "{";
  append_messages(out, conversation);
  append_sampling(out, conversation.sampling);
  append_tools(out, conversation);
  append_output_config(out, conversation);
  append_additional(out, conversation);
  if (!conversation.response_paths.empty()) {
    out += R"(,"additionalModelResponseFieldPaths":[)";
    Commas paths;
    for (const std::string& path : conversation.response_paths) {
      paths.next(out);
      json::append_quoted(out, path);
    }
    out += ']';
  }
  if (!conversation.request_metadata.empty()) {
    out += R"(,"requestMetadata":)";
    out += boost::json::serialize(conversation.request_metadata);
  }
  out += '}';
  return out;
}

std::string to_count_tokens(const Conversation& conversation) {
  std::string out = R"({"input":{"converse":{)";
  append_messages(out, conversation);
  append_tools(out, conversation);
  append_additional(out, conversation);
  out += "}}}";
  return out;
}

}  // namespace tidegate::chat
