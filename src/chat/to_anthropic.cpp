// A conversation as the body of Anthropic's Messages, written straight into one string.
#include "chat/to_anthropic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "chat/json_list.hpp"

namespace tidegate::chat {
namespace {

constexpr std::int64_t max_tokens_default = 4'096;  // this API requires a number

void append_image(std::string& out, const Image& image) {
  out += R"({"type":"image","source":{"type":"base64","media_type":"image/)";
  out += image.format;
  out += R"(","data":")";
  out += image.base64;
  out += R"("}})";
}

void append_text(std::string& out, std::string_view text) {
  append_member(out, R"({"type":"text","text":)", text);
  out += '}';
}

void append_result(std::string& out, const ToolResult& result) {
  append_member(out, R"({"type":"tool_result","tool_use_id":)", result.tool_use_id);
  if (result.error) out += R"(,"is_error":true)";
  out += R"(,"content":[)";
  Commas parts;
  for (const auto& part : result.content) {
    parts.next(out);
    if (const auto* text = std::get_if<Text>(&part)) {
      append_text(out, text->text);
    } else if (const auto* image = std::get_if<Image>(&part)) {
      append_image(out, *image);
    } else {
      append_text(out, json::serialize(std::get<json::value>(part)));
    }
  }
  out += "]}";
}

// Writes a block. Reasoning goes back only with the signature that says whose it is; a cache point
// marks the block before it.
void append_block(std::string& out, const Block& block, Commas& blocks) {
  if (std::holds_alternative<CachePoint>(block)) {
    if (!out.ends_with('}')) return;
    out.pop_back();
    out += R"(,"cache_control":{"type":"ephemeral"}})";
    return;
  }
  const auto* reasoning = std::get_if<Reasoning>(&block);
  if (reasoning && reasoning->signature.empty()) return;
  blocks.next(out);
  if (const auto* text = std::get_if<Text>(&block)) {
    append_text(out, text->text);
  } else if (const auto* image = std::get_if<Image>(&block)) {
    append_image(out, *image);
  } else if (const auto* document = std::get_if<Document>(&block)) {
    append_text(out, text_of(*document));
  } else if (const auto* use = std::get_if<ToolUse>(&block)) {
    append_member(out, R"({"type":"tool_use","id":)", use->id);
    append_member(out, R"(,"name":)", use->name);
    out += R"(,"input":)";
    out += json::serialize(use->input);
    out += '}';
  } else if (const auto* result = std::get_if<ToolResult>(&block)) {
    append_result(out, *result);
  } else {
    append_member(out, R"({"type":"thinking","thinking":)", reasoning->text);
    append_member(out, R"(,"signature":)", reasoning->signature);
    out += '}';
  }
}

// System messages stand apart in this API, wherever they stood.
void append_messages(std::string& out, const Conversation& conversation) {
  const auto write = [&](auto&& of_role) {
    Commas blocks;
    for (const Message& message : conversation.messages) {
      if (!of_role(message.role)) continue;
      for (const Block& block : message.blocks) append_block(out, block, blocks);
    }
  };
  if (std::ranges::find(conversation.messages, Role::system, &Message::role) !=
      conversation.messages.end()) {
    out += R"("system":[)";
    write([](Role role) { return role == Role::system; });
    out += "],";
  }
  out += R"("messages":[)";
  Commas messages;
  for (const Message& message : conversation.messages) {
    if (message.role == Role::system) continue;
    messages.next(out);
    out += R"({"role":")";
    out += message.role == Role::user ? "user" : "assistant";
    out += R"(","content":[)";
    Commas blocks;
    for (const Block& block : message.blocks) append_block(out, block, blocks);
    out += "]}";
  }
  out += ']';
}

void append_tools(std::string& out, const Conversation& conversation) {
  if (conversation.tools.empty()) return;
  out += R"(,"tools":[)";
  Commas tools;
  for (const Tool& tool : conversation.tools) {
    tools.next(out);
    append_member(out, R"({"name":)", tool.name);
    if (!tool.description.empty()) append_member(out, R"(,"description":)", tool.description);
    out += R"(,"input_schema":)";
    out += json::serialize(tool.schema);
    out += '}';
  }
  out += ']';
  if (!conversation.tool_choice) return;
  static constexpr auto words = std::to_array<std::string_view>({"auto", "any", "tool", "none"});
  out += R"(,"tool_choice":{"type":")";
  out += words[static_cast<std::size_t>(conversation.tool_choice->kind)];
  out += '"';
  if (conversation.tool_choice->kind == ToolChoice::Kind::tool) {
    append_member(out, R"(,"name":)", conversation.tool_choice->name);
  }
  if (!conversation.tool_choice->parallel) out += R"(,"disable_parallel_tool_use":true)";
  out += '}';
}

void append_sampling(std::string& out, const Sampling& sampling) {
  out += R"(,"max_tokens":)";
  json::append_number(out, sampling.max_tokens.value_or(max_tokens_default));
  const auto to = std::back_inserter(out);
  if (sampling.temperature) fmt::format_to(to, R"(,"temperature":{})", *sampling.temperature);
  if (sampling.top_p) fmt::format_to(to, R"(,"top_p":{})", *sampling.top_p);
  if (sampling.top_k) fmt::format_to(to, R"(,"top_k":{})", *sampling.top_k);
  if (!sampling.stop_sequences.empty()) {
    out += R"(,"stop_sequences":[)";
    Commas sequences;
    for (const std::string& sequence : sampling.stop_sequences) {
      sequences.next(out);
      json::append_quoted(out, sequence);
    }
    out += ']';
  }
}

// The least budget that the API takes, where the caller named none.
void append_thinking(std::string& out, const Sampling& sampling) {
  constexpr std::int64_t budget_min = 1'024;
  if (!sampling.thinking) return;
  if (!*sampling.thinking) {
    out += R"(,"thinking":{"type":"disabled"})";
    return;
  }
  out += R"(,"thinking":{"type":"enabled","budget_tokens":)";
  json::append_number(out, sampling.thinking_budget.value_or(budget_min));
  out += '}';
}

std::string begin(const Conversation& conversation, std::string_view model) {
  std::string out;
  append_member(out, R"({"model":)", model);
  out += ',';
  append_messages(out, conversation);
  append_tools(out, conversation);
  append_thinking(out, conversation.sampling);
  return out;
}

}  // namespace

Result<void> check_to_anthropic(const Conversation& conversation) {
  const auto refuse = [](std::string message, std::string mend) {
    return fail(Error{.code = ErrorCode::validation,
                      .origin = Origin::client,
                      .message = std::move(message),
                      .mend = std::move(mend),
                      .why = {}});
  };
  if (conversation.output_schema) {
    return refuse(
        "This model doesn't support the outputConfig.textFormat field. Remove "
        "outputConfig.textFormat and try again.",
        "Force a tool whose input schema is the one you want.");
  }
  static constexpr auto taken = std::to_array<std::string_view>(
      {"model", "messages", "system", "stream", "tools", "tool_choice", "max_tokens", "temperature",
       "top_p", "top_k", "stop_sequences", "thinking"});
  for (const auto& field : conversation.additional) {
    if (std::ranges::find(taken, std::string_view(field.key())) == taken.end()) continue;
    return refuse(fmt::format("The additional field {} conflicts with an existing field.",
                              std::string_view(field.key())),
                  "Remove it from additionalModelRequestFields.");
  }
  return {};
}

std::string to_anthropic(const Conversation& conversation, std::string_view model,
                         Streaming streaming) {
  std::string out = begin(conversation, model);
  append_sampling(out, conversation.sampling);
  for (const auto& field : conversation.additional) {
    out += ',';
    json::append_quoted(out, field.key());
    out += ':';
    out += json::serialize(field.value());
  }
  if (streaming == Streaming::yes) out += R"(,"stream":true)";
  out += '}';
  return out;
}

std::string to_anthropic_count(const Conversation& conversation, std::string_view model) {
  return begin(conversation, model) + '}';
}

}  // namespace tidegate::chat
