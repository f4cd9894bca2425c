// The body of Converse and ConverseStream, checked member by member. Sentences are AWS's wherever
// its own are known, because programs match on them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "chat/converse.hpp"
#include "chat/converse_additional.hpp"
#include "chat/converse_blocks.hpp"
#include "chat/converse_formats.hpp"

namespace tidegate::chat {
namespace {

// The limits of AWS's service model.
constexpr std::size_t stop_sequences_max = 2'500;
constexpr std::size_t metadata_pairs_max = 16;
constexpr std::size_t metadata_chars_max = 256;
constexpr std::size_t response_paths_max = 10;
constexpr std::size_t response_path_chars_max = 256;

bool is_metadata_char(char c) {
  return is_identifier_char(c) || std::string_view(" \t\r\n\f\v:@$#=/+,.").contains(c);
}

Result<void> read_system(const Member& member, Conversation& out) {
  TRY(const json::array* blocks, member.array());
  if (blocks->empty()) return {};
  Message message{.role = Role::system, .blocks = {}};
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    TRY_VOID(read_block(Member((*blocks)[i], member, i), Role::system, message.blocks));
  }
  out.messages.push_back(std::move(message));
  return {};
}

Result<Message> read_message(const Member& member) {
  TRY_VOID(member.object());
  TRY(const Member role_member, member.required("role"));
  TRY(const std::string_view role, role_member.one_of({"user", "assistant", "system"}));
  Message out{.role = role == "user"        ? Role::user
                      : role == "assistant" ? Role::assistant
                                            : Role::system,
              .blocks = {}};
  TRY(const Member content, member.required("content"));
  TRY(const json::array* blocks, content.array());
  if (blocks->empty()) {
    return invalid(
        fmt::format("The content field in the Message object at {} is empty. Add a ContentBlock "
                    "object to the content field and try again.",
                    member.path()));
  }
  out.blocks.reserve(blocks->size());
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    TRY_VOID(read_block(Member((*blocks)[i], content, i), out.role, out.blocks));
  }
  return out;
}

// Every tool that the assistant called is answered in the next turn, and nothing else is.
Result<void> check_tool_results(const std::vector<std::string_view>& asked, const Message& answer,
                                const Member& place) {
  std::vector<std::string_view> answered;
  for (const Block& block : answer.blocks) {
    if (const auto* result = std::get_if<ToolResult>(&block))
      answered.push_back(result->tool_use_id);
  }
  std::vector<std::string_view> missing;
  for (const std::string_view id : asked) {
    if (std::ranges::find(answered, id) == answered.end()) missing.push_back(id);
  }
  if (!missing.empty()) {
    return invalid(fmt::format("Expected toolResult blocks at {}.content for the following Ids: {}",
                               place.path(), fmt::join(missing, ", ")));
  }
  if (answered.size() > asked.size()) {
    return invalid(
        fmt::format("The number of toolResult blocks at {}.content exceeds the number of toolUse "
                    "blocks of previous turn.",
                    place.path()));
  }
  return {};
}

// Turns alternate and begin with the user's; system messages may stand anywhere.
class Turns {
 public:
  Result<void> take(const Message& message, const Member& place) {
    if (message.role == Role::system) return {};
    if (!last_ && message.role != Role::user) return no_user_first();
    if (last_ == message.role) {
      return invalid(
          "A conversation must alternate between user and assistant roles. Make sure the "
          "conversation "
          "alternates between user and assistant roles and try again.",
          fmt::format("{} has the role of the message before it.", place.path()));
    }
    last_ = message.role;
    if (message.role == Role::user) {
      auto checked = check_tool_results(asked_, message, place);
      asked_.clear();
      return checked;
    }
    asked_.clear();
    for (const Block& block : message.blocks) {
      if (const auto* use = std::get_if<ToolUse>(&block)) asked_.push_back(use->id);
    }
    return {};
  }
  Result<void> end() const {
    if (!last_) return no_user_first();
    return {};
  }

 private:
  static std::unexpected<Error> no_user_first() {
    return invalid(
        "A conversation must start with a user message. Try again with a conversation that starts "
        "with a user "
        "message.");
  }
  std::optional<Role> last_;
  std::vector<std::string_view> asked_;  // tools that the last turn called
};

Result<void> read_messages(const Member& root, Conversation& out) {
  Turns turns;
  if (const auto member = root.child("messages")) {
    TRY(const json::array* messages, member->array());
    out.messages.reserve(out.messages.size() + messages->size());
    for (std::size_t i = 0; i < messages->size(); ++i) {
      const Member place((*messages)[i], *member, i);
      TRY(Message message, read_message(place));
      TRY_VOID(turns.take(out.messages.emplace_back(std::move(message)), place));
    }
  }
  return turns.end();
}

Result<void> read_inference_config(const Member& config, Sampling& out) {
  TRY_VOID(config.object());
  if (const auto member = config.child("maxTokens")) {
    TRY(const std::int64_t n, member->integer());
    TRY_VOID(member->range(static_cast<double>(n), 1, INT32_MAX));
    out.max_tokens = n;
  }
  if (const auto member = config.child("temperature")) {
    TRY(const double t, member->number());
    TRY_VOID(member->range(t, 0, 1));
    out.temperature = t;
  }
  if (const auto member = config.child("topP")) {
    TRY(const double p, member->number());
    TRY_VOID(member->range(p, 0, 1));
    out.top_p = p;
  }
  if (const auto member = config.child("stopSequences")) {
    TRY(const json::array* sequences, member->array());
    if (sequences->size() > stop_sequences_max) {
      return member->violates(
          {}, fmt::format("Member must have length less than or equal to {}", stop_sequences_max));
    }
    for (std::size_t i = 0; i < sequences->size(); ++i) {
      TRY(const std::string_view text,
          Member((*sequences)[i], *member, i).string_of_length(1, SIZE_MAX));
      out.stop_sequences.emplace_back(text);
    }
  }
  return {};
}

Result<Tool> read_tool(const Member& spec) {
  TRY_VOID(spec.object());
  TRY(const std::string_view name, read_tool_name(spec));
  Tool out{.name = std::string(name), .description = {}, .schema = {}};
  if (const auto member = spec.child("description")) {
    TRY(const std::string_view text, member->string_of_length(1, SIZE_MAX));
    out.description = text;
  }
  TRY(const Member holder, spec.required("inputSchema"));
  static constexpr std::string_view keys[] = {"json"};
  TRY(const Member schema, holder.only_one_of("ToolInputSchema", keys));
  if (!schema.value().is_object()) {
    return invalid(
        fmt::format("The format of the value at {} is invalid. Provide a json object for the field "
                    "and try again.",
                    schema.path()));
  }
  if (json::find_string(schema.value().get_object(), "type") != "object") {
    return invalid(
        fmt::format("The value at {}.type must be one of the following: object.", schema.path()));
  }
  out.schema = json::value(schema.value(), {});
  if (const auto member = spec.child("strict")) {
    TRY(out.strict, member->boolean());
  }
  return out;
}

Result<void> read_tools(const Member& member, Conversation& out) {
  TRY(const json::array* tools, member.array());
  if (tools->empty()) {
    return member.violates({}, "Member must have length greater than or equal to 1");
  }
  std::set<std::string, std::less<>> names;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const Member element((*tools)[i], member, i);
    static constexpr std::string_view keys[] = {"toolSpec", "systemTool", "cachePoint"};
    TRY(const Member kind, element.only_one_of("Tool", keys));
    if (kind.name() == "systemTool") return kind.not_supported();
    if (kind.name() == "cachePoint") continue;
    TRY(Tool tool, read_tool(kind));
    if (!names.insert(tool.name).second) {
      return invalid(
          fmt::format("The tool {} is already defined at {}.", tool.name, member.path()));
    }
    out.tools.push_back(std::move(tool));
  }
  return {};
}

Result<void> read_tool_config(const Member& config, Conversation& out) {
  TRY_VOID(config.object());
  TRY(const Member tools, config.required("tools"));
  TRY_VOID(read_tools(tools, out));
  const auto choice = config.child("toolChoice");
  if (!choice) return {};
  static constexpr std::string_view keys[] = {"auto", "any", "tool"};
  TRY(const Member kind, choice->only_one_of("ToolChoice", keys));
  TRY_VOID(kind.object());
  ToolChoice& chosen = out.tool_choice.emplace();
  if (kind.name() == "any") chosen.kind = ToolChoice::Kind::any;
  if (kind.name() != "tool") return {};
  chosen.kind = ToolChoice::Kind::tool;
  TRY(chosen.name, read_tool_name(kind));
  if (std::ranges::find(out.tools, chosen.name, &Tool::name) == out.tools.end()) {
    return invalid(fmt::format("The tool {} at {} isn't defined in toolConfig.tools.", chosen.name,
                               kind.path()));
  }
  return {};
}

Result<void> check_tools_are_defined(const Conversation& conversation) {
  if (!conversation.tools.empty()) return {};
  for (const Message& message : conversation.messages) {
    for (const Block& block : message.blocks) {
      if (std::holds_alternative<ToolUse>(block) || std::holds_alternative<ToolResult>(block)) {
        return invalid(
            "The toolConfig field must be defined when using toolUse and toolResult content "
            "blocks.");
      }
    }
  }
  return {};
}

Result<OutputSchema> read_text_format(const Member& format) {
  TRY_VOID(format.object());
  TRY(const Member type, format.required("type"));
  TRY_VOID(type.one_of({"json_schema"}));
  TRY(const Member structure, format.required("structure"));
  static constexpr std::string_view keys[] = {"jsonSchema"};
  TRY(const Member given, structure.only_one_of("OutputFormatStructure", keys));
  TRY_VOID(given.object());
  OutputSchema out;
  TRY(const Member schema, given.required("schema"));
  TRY(const std::string_view text, schema.string());
  auto parsed = json::parse(text);
  if (!parsed || !parsed->is_object()) {
    return invalid(
        fmt::format("The value at {} must be a JSON schema, as a string that holds a JSON object.",
                    schema.path()));
  }
  out.schema = *std::move(parsed);
  if (const auto name = given.child("name")) {
    TRY(out.name, name->string());
  }
  if (const auto description = given.child("description")) {
    TRY(out.description, description->string());
  }
  return out;
}

Result<void> read_output_config(const Member& config, Conversation& out) {
  TRY_VOID(config.object());
  if (const auto format = config.child("textFormat")) {
    TRY(out.output_schema, read_text_format(*format));
  }
  if (const auto effort = config.child("effort")) {
    TRY(out.sampling.effort, effort->string_of_length(0, 16));
  }
  return {};
}

Result<void> read_request_metadata(const Member& metadata, Conversation& out) {
  TRY(const json::object* pairs, metadata.object());
  if (pairs->empty() || pairs->size() > metadata_pairs_max) {
    return invalid(
        fmt::format("1 validation error detected: Value at 'requestMetadata' failed to satisfy "
                    "constraint: Member must have length between 1 and {}",
                    metadata_pairs_max));
  }
  for (const auto& pair : *pairs) {
    static constexpr std::string_view pattern = "[a-zA-Z0-9\\s:_@$#=/+,-.]*";
    const json::value key_value(pair.key());
    const Member key(key_value, metadata, "key");
    TRY(const std::string_view name, key.string_of_length(1, metadata_chars_max));
    TRY_VOID(key.matches(name, pattern, is_metadata_char));
    const Member value(pair.value(), metadata, pair.key());
    TRY(const std::string_view text, value.string_of_length(0, metadata_chars_max));
    TRY_VOID(value.matches(text, pattern, is_metadata_char));
  }
  out.request_metadata = json::object(*pairs, boost::json::storage_ptr{});
  return {};
}

// Paths into the model's own answer, whose values come back in additionalModelResponseFields; AWS
// leaves out what is not there.
Result<void> read_response_paths(const Member& member, Conversation& out) {
  TRY(const json::array* paths, member.array());
  if (paths->size() > response_paths_max) {
    return member.violates(
        {}, fmt::format("Member must have length less than or equal to {}", response_paths_max));
  }
  for (std::size_t i = 0; i < paths->size(); ++i) {
    const Member path((*paths)[i], member, i);
    TRY(const std::string_view text, path.string_of_length(1, response_path_chars_max));
    if (!text.starts_with('/')) {
      return invalid(fmt::format("The value at {} is not a JSON Pointer.", path.path()));
    }
    out.response_paths.emplace_back(text);
  }
  return {};
}

// What changes how a request is run: the usual is what happens here, the rest is refused by name.
Result<void> read_service_options(const Member& root, Echo& out) {
  if (const auto member = root.child("performanceConfig")) {
    TRY_VOID(member->object());
    if (const auto latency = member->child("latency")) {
      TRY(const std::string_view word, latency->one_of({"standard", "optimized"}));
      if (word == "optimized") {
        return invalid("Latency performance configuration is not supported for this model.",
                       "Set performanceConfig.latency to standard or leave it out.");
      }
      out.performance_config = true;
    }
  }
  if (const auto member = root.child("serviceTier")) {
    TRY_VOID(member->object());
    TRY(const Member type, member->required("type"));
    TRY(const std::string_view word, type.one_of({"priority", "default", "flex", "reserved"}));
    if (word != "default") {
      return invalid("The provided service tier is not supported for this model.",
                     "Set serviceTier.type to default or leave it out.");
    }
    out.service_tier = true;
  }
  if (const auto member = root.child("guardrailConfig")) {
    return member->not_supported("Guardrails are not offered here.");
  }
  if (const auto member = root.child("promptVariables")) {
    return member->not_supported("Managed prompts are not offered here.");
  }
  return {};
}

}  // namespace

Result<json::value> parse_client_json(std::string_view body, json::Arena& arena) {
  auto document = json::parse(body, arena.storage());
  if (!document) document.error().origin = Origin::client;
  return document;
}

Result<Conversation> parse_converse(std::string_view body, const AdditionalFields& fields) {
  json::Arena arena;
  TRY(const json::value document, parse_client_json(body, arena));
  return read_converse(Member(document), fields);
}

Result<Conversation> read_converse(const Member& root, const AdditionalFields& fields) {
  TRY_VOID(root.object());
  Conversation out;
  if (const auto member = root.child("system")) TRY_VOID(read_system(*member, out));
  TRY_VOID(read_messages(root, out));
  if (const auto member = root.child("inferenceConfig")) {
    TRY_VOID(read_inference_config(*member, out.sampling));
  }
  if (const auto member = root.child("toolConfig")) TRY_VOID(read_tool_config(*member, out));
  TRY_VOID(check_tools_are_defined(out));
  if (const auto member = root.child("outputConfig")) TRY_VOID(read_output_config(*member, out));
  if (const auto member = root.child("requestMetadata")) {
    TRY_VOID(read_request_metadata(*member, out));
  }
  if (const auto member = root.child("additionalModelResponseFieldPaths")) {
    TRY_VOID(read_response_paths(*member, out));
  }
  TRY_VOID(read_service_options(root, out.echo));
  if (const auto member = root.child("additionalModelRequestFields")) {
    TRY_VOID(read_additional(*member, fields, out));
  }
  return out;
}

}  // namespace tidegate::chat
