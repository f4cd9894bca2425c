// The body of Anthropic's Messages, checked member by member. Sentences are Anthropic's wherever
// they are known, because programs match on them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "chat/anthropic_blocks.hpp"
#include "chat/anthropic_messages.hpp"
#include "chat/converse_blocks.hpp"
#include "chat/converse_formats.hpp"

namespace tidegate::chat {
namespace {

constexpr std::size_t tool_name_max = 128;
constexpr std::int64_t thinking_budget_min = 1024;

std::vector<std::string_view> tool_uses(const Message& message) {
  std::vector<std::string_view> out;
  for (const Block& block : message.blocks) {
    if (const auto* use = std::get_if<ToolUse>(&block)) out.push_back(use->id);
  }
  return out;
}

// Every tool that the assistant called is answered in the next turn, and nothing else is.
Result<void> check_turn(const std::vector<std::string_view>& asked, const Message* answer,
                        const Field& place) {
  std::set<std::string_view> missing(asked.begin(), asked.end());
  for (const Block& block : answer ? std::span(answer->blocks) : std::span<const Block>()) {
    const auto* result = std::get_if<ToolResult>(&block);
    if (!result) continue;
    if (std::ranges::find(asked, result->tool_use_id) == asked.end()) {
      return place.refuse(fmt::format(
          "unexpected `tool_use_id` found in `tool_result` blocks: {}. Each `tool_result` block "
          "must have a corresponding `tool_use` block in the previous message.",
          result->tool_use_id));
    }
    if (missing.erase(result->tool_use_id) == 0) {
      return place.refuse(
          fmt::format("each tool_use must have a single result. Found multiple `tool_result` "
                      "blocks with id: {}",
                      result->tool_use_id));
    }
  }
  if (missing.empty()) return {};
  return place.refuse(fmt::format(
      "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each "
      "`tool_use` block must have a corresponding `tool_result` block in the next message.",
      fmt::join(missing, ", ")));
}

Result<void> check_tool_results(const std::vector<Message>& messages, const Field& place) {
  std::vector<std::string_view> asked;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == Role::user) {
      TRY_VOID(check_turn(asked, &messages[i], Field(place.value(), place, i)));
    }
    asked = tool_uses(messages[i]);
  }
  return check_turn(asked, nullptr, Field(place.value(), place, messages.size() - 1));
}

// `behind`: how many messages come after this one.
Result<void> read_message(const Field& place, std::size_t behind, std::vector<Message>& out) {
  TRY_VOID(place.only({"role", "content"}));
  TRY(const Field role_field, place.required("role"));
  TRY(const std::string_view name, role_field.string());
  if (name == "system") {
    return role_field.refuse(
        "Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not "
        "\"system\" as an input message role.");
  }
  TRY_VOID(role_field.one_of({"user", "assistant"}));
  const Role role = name == "user" ? Role::user : Role::assistant;
  TRY(const Field content, place.required("content"));
  std::vector<Block> blocks;
  TRY_VOID(read_anthropic_content(content, role, blocks));
  const bool empty = content.value().is_string() ? content.value().get_string().empty()
                                                 : content.value().get_array().empty();
  if (empty && (behind > 0 || role != Role::assistant)) {
    return place.refuse(
        "all messages must have non-empty content except for the optional final assistant message");
  }
  if (!out.empty() && out.back().role == role) {  // turns of one role in a row are one turn
    for (Block& block : blocks) out.back().blocks.push_back(std::move(block));
  } else if (!blocks.empty()) {
    out.push_back({.role = role, .blocks = std::move(blocks)});
  }
  return {};
}

Result<void> read_messages(const Field& root, Conversation& out) {
  TRY(const Field member, root.required("messages"));
  TRY(const json::array* elements, member.array());
  if (elements->empty()) return member.refuse("at least one message is required");
  std::vector<Message> messages;
  messages.reserve(elements->size());
  for (std::size_t i = 0; i < elements->size(); ++i) {
    TRY_VOID(read_message(Field((*elements)[i], member, i), elements->size() - i - 1, messages));
  }
  if (messages.empty() || messages.front().role != Role::user) {
    return member.refuse("first message must use the \"user\" role");
  }
  TRY_VOID(check_tool_results(messages, member));
  for (Message& message : messages) out.messages.push_back(std::move(message));
  return {};
}

Result<void> read_system(const Field& root, Conversation& out) {
  const auto member = root.child("system");
  if (!member) return {};
  Message message{.role = Role::system, .blocks = {}};
  TRY_VOID(read_anthropic_content(*member, Role::system, message.blocks));
  if (!message.blocks.empty()) out.messages.push_back(std::move(message));
  return {};
}

Result<std::string> read_tool_name(const Field& holder) {
  TRY(const Field name, holder.required("name"));
  TRY(const std::string_view text, name.string_of_length(1, tool_name_max));
  if (std::ranges::all_of(text, is_identifier_char)) return std::string(text);
  return name.wrong({.kind = Problem::Kind::pattern, .detail = "^[a-zA-Z0-9_-]{1,128}$"});
}

Result<Tool> read_tool(const Field& element) {
  TRY_VOID(element.object());
  if (const auto type = element.child("type")) {
    TRY(const std::string_view kind, type->string());
    if (kind != "custom") {
      return type->refuse(
          fmt::format("tools of the type '{}' are not supported for this model", kind),
          "Declare the tool with a name and an input_schema, and run it at the client.");
    }
  }
  const Field tool(element.value(), element, "custom");
  TRY_VOID(tool.only({"type", "name", "description", "input_schema", "cache_control", "strict",
                      "eager_input_streaming"}));
  Tool out{.name = {}, .description = {}, .schema = {}};
  TRY(out.name, read_tool_name(tool));
  if (const auto description = tool.child("description")) {
    TRY(out.description, description->string());
  }
  TRY(const Field schema, tool.required("input_schema"));
  TRY(const Field schema_type, schema.required("type"));
  TRY_VOID(schema_type.one_of({"object"}));
  out.schema = json::value(schema.value(), {});
  if (const auto strict = tool.child("strict")) {
    TRY(out.strict, strict->boolean());
  }
  TRY_VOID(read_cache_control(tool));
  return out;
}

Result<void> read_tools(const Field& root, Conversation& out) {
  const auto member = root.child("tools");
  if (!member) return {};
  TRY(const json::array* elements, member->array());
  for (std::size_t i = 0; i < elements->size(); ++i) {
    TRY(Tool tool, read_tool(Field((*elements)[i], *member, i)));
    if (std::ranges::find(out.tools, tool.name, &Tool::name) != out.tools.end()) {
      return member->refuse("Tool names must be unique.");
    }
    out.tools.push_back(std::move(tool));
  }
  return {};
}

Result<void> read_tool_choice(const Field& root, Conversation& out) {
  const auto member = root.child("tool_choice");
  if (!member) return {};
  TRY(const Field type, member->required("type"));
  TRY(const std::string_view kind, type.one_of({"any", "auto", "none", "tool"}));
  TRY_VOID(member->only({"type", "name", "disable_parallel_tool_use"}));
  if (out.tools.empty()) {
    return member->refuse("tool_choice may only be specified while providing tools.");
  }
  ToolChoice& choice = out.tool_choice.emplace();
  if (kind == "any") choice.kind = ToolChoice::Kind::any;
  if (kind == "none") choice.kind = ToolChoice::Kind::none;
  if (kind == "tool") {
    choice.kind = ToolChoice::Kind::tool;
    TRY(choice.name, read_tool_name(*member));
    if (std::ranges::find(out.tools, choice.name, &Tool::name) == out.tools.end()) {
      return member->refuse(fmt::format("Tool '{}' not found in provided tools", choice.name));
    }
  }
  if (const auto alone = member->child("disable_parallel_tool_use")) {
    TRY(const bool off, alone->boolean());
    choice.parallel = !off;
  }
  return {};
}

// What reasoning rules out, as Anthropic's models do.
Result<void> check_thinking(const Field& root, const Conversation& conversation) {
  const Sampling& sampling = conversation.sampling;
  if (sampling.thinking_budget && sampling.max_tokens &&
      *sampling.thinking_budget >= *sampling.max_tokens) {
    return root.refuse("`max_tokens` must be greater than `thinking.budget_tokens`.");
  }
  if (sampling.temperature.value_or(1) != 1) {
    return root.refuse("`temperature` may only be set to 1 when thinking is enabled.");
  }
  if (sampling.top_k) {
    return root.refuse("`top_k` must be unset when thinking is enabled.");
  }
  const auto& choice = conversation.tool_choice;
  if (choice && (choice->kind == ToolChoice::Kind::any || choice->kind == ToolChoice::Kind::tool)) {
    return root.refuse("Thinking may not be enabled when tool_choice forces tool use.");
  }
  return {};
}

Result<void> read_thinking(const Field& root, Conversation& out) {
  const auto member = root.child("thinking");
  if (!member) return {};
  TRY(const Field type, member->required("type"));
  TRY(const std::string_view kind, type.one_of({"adaptive", "disabled", "enabled"}));
  const Field thinking(member->value(), *member, kind);
  out.sampling.thinking = kind != "disabled";
  if (kind == "disabled") return thinking.only({"type"});
  TRY_VOID(thinking.only({"type", "budget_tokens", "display"}));
  if (kind == "enabled") {
    TRY(const Field budget, thinking.required("budget_tokens"));
    TRY(out.sampling.thinking_budget, budget.integer_from(thinking_budget_min));
  }
  return check_thinking(root, out);
}

Result<void> read_sampling(const Field& root, Sampling& out) {
  if (const auto member = root.child("temperature")) {
    TRY(out.temperature, member->number_from(0, 1));
  }
  if (const auto member = root.child("top_p")) {
    TRY(out.top_p, member->number_from(0, 1));
  }
  if (const auto member = root.child("top_k")) {
    TRY(out.top_k, member->integer_from(0));
  }
  const auto member = root.child("stop_sequences");
  if (!member) return {};
  TRY(const json::array* sequences, member->array());
  for (std::size_t i = 0; i < sequences->size(); ++i) {
    TRY(const std::string_view text, Field((*sequences)[i], *member, i).string());
    if (is_blank(text)) return member->refuse("each stop sequence must contain non-whitespace");
    out.stop_sequences.emplace_back(text);
  }
  return {};
}

Result<OutputSchema> read_format(const Field& format) {
  TRY_VOID(format.only({"type", "schema", "name"}));
  TRY(const Field type, format.required("type"));
  TRY_VOID(type.one_of({"json_schema"}));
  TRY(const Field schema, format.required("schema"));
  TRY_VOID(schema.object());
  return OutputSchema{.name = {}, .description = {}, .schema = json::value(schema.value(), {})};
}

// output_format is what betas called output_config.format.
Result<void> read_output(const Field& root, Conversation& out) {
  if (const auto format = root.child("output_format")) {
    TRY(out.output_schema, read_format(*format));
  }
  const auto config = root.child("output_config");
  if (!config) return {};
  TRY_VOID(config->only({"effort", "format"}));
  if (const auto format = config->child("format")) {
    TRY(out.output_schema, read_format(*format));
  }
  if (const auto effort = config->child("effort")) {
    TRY(out.sampling.effort, effort->one_of({"low", "medium", "high", "xhigh", "max"}));
  }
  return {};
}

Result<void> read_metadata(const Field& root, Conversation& out) {
  const auto member = root.child("metadata");
  if (!member) return {};
  TRY_VOID(member->only({"user_id"}));
  const auto user = member->child("user_id");
  if (!user) return {};
  TRY(const std::string_view id, user->string_of_length(0, 256));
  out.request_metadata["user_id"] = id;
  return {};
}

// What InvokeModel's body has beyond the door's.
Result<void> read_versions(const Field& root) {
  TRY(const Field version, root.required("anthropic_version"));
  TRY_VOID(version.one_of({"bedrock-2023-05-31", "2026-10-21"}));
  const auto betas = root.child("anthropic_beta");
  if (!betas) return {};
  TRY(const json::array* names, betas->array());
  for (std::size_t i = 0; i < names->size(); ++i) {
    TRY_VOID(Field((*names)[i], *betas, i).string());
  }
  return {};
}

Result<void> read_addressing(const Field& root, AnthropicDoor door, AnthropicRequest& out) {
  if (door == AnthropicDoor::invoke_model) return read_versions(root);
  TRY(const Field model, root.required("model"));
  TRY(out.model, model.string_of_length(1, 2048));
  if (door == AnthropicDoor::count_tokens) return {};
  if (const auto stream = root.child("stream")) {
    TRY(out.stream, stream->boolean());
  }
  if (const auto tier = root.child("service_tier")) {
    TRY_VOID(tier->one_of({"auto", "standard_only"}));
  }
  return {};
}

Result<void> check_members(const Field& root, AnthropicDoor door, const AdditionalFields& fields,
                           json::object& additional) {
  switch (door) {
    case AnthropicDoor::invoke_model:
      return take_additional(
          root,
          {"anthropic_version", "anthropic_beta", "max_tokens", "messages", "metadata",
           "output_config", "output_format", "stop_sequences", "system", "temperature", "thinking",
           "tool_choice", "tools", "top_k", "top_p"},
          fields, additional);
    case AnthropicDoor::messages:
      return take_additional(root,
                             {"max_tokens", "messages", "metadata", "model", "output_config",
                              "output_format", "service_tier", "stop_sequences", "stream", "system",
                              "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p"},
                             fields, additional);
    case AnthropicDoor::count_tokens:
      break;
  }
  return root.only({"messages", "model", "output_config", "output_format", "system", "thinking",
                    "tool_choice", "tools"});
}

}  // namespace

Result<AnthropicRequest> parse_anthropic(std::string_view body, AnthropicDoor door,
                                         const AdditionalFields& fields) {
  json::Arena arena;
  TRY(const json::value document, parse_client_json(body, arena));
  const Field root(document, anthropic_words);
  AnthropicRequest out;
  Conversation& conversation = out.conversation;
  TRY_VOID(check_members(root, door, fields, conversation.additional));
  TRY_VOID(read_addressing(root, door, out));
  if (door != AnthropicDoor::count_tokens) {
    TRY(const Field max_tokens, root.required("max_tokens"));
    TRY(conversation.sampling.max_tokens, max_tokens.integer_from(1, INT32_MAX));
  }
  TRY_VOID(read_system(root, conversation));
  TRY_VOID(read_messages(root, conversation));
  TRY_VOID(read_tools(root, conversation));
  TRY_VOID(read_tool_choice(root, conversation));
  TRY_VOID(read_sampling(root, conversation.sampling));
  TRY_VOID(read_thinking(root, conversation));
  TRY_VOID(read_output(root, conversation));
  TRY_VOID(read_metadata(root, conversation));
  return out;
}

}  // namespace tidegate::chat
