#include "chat/openai_door_messages.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chat/converse_blocks.hpp"

namespace tidegate::chat {
namespace {

constexpr std::size_t call_id_chars_max = 64;

std::unexpected<Error> unsupported(const Field& at, std::string_view what, std::string mend) {
  return at.refuse(fmt::format("Unsupported value: '{}' is not supported with this model.", what),
                   std::move(mend));
}

// data:image/png;base64,....
Result<Image> read_image(const Field& part) {
  TRY(const Field holder, part.required("image_url"));
  TRY_VOID(holder.only({"url", "detail"}));
  if (const auto detail = holder.child("detail")) {
    TRY_VOID(detail->one_of({"auto", "low", "high", "original"}));
  }
  TRY(const Field url, holder.required("url"));
  TRY(std::string_view text, url.string());
  constexpr std::string_view scheme = "data:image/", marker = ";base64,";
  const auto comma = text.find(marker);
  if (!text.starts_with(scheme) || comma == std::string_view::npos) {
    return url.refuse(fmt::format("Invalid '{}': expected a data URL of an image.",
                                  url.path(Field::Style::brackets)),
                      "Send data:image/png;base64,...: nothing is fetched for a request.");
  }
  const std::string_view format = text.substr(scheme.size(), comma - scheme.size());
  if (format != "png" && format != "jpeg" && format != "gif" && format != "webp") {
    return url.refuse(
        fmt::format("You uploaded an unsupported image. Please make sure your image "
                    "has of one the following formats: ['png', 'jpeg', 'gif', "
                    "'webp']."));
  }
  text.remove_prefix(comma + marker.size());
  if (!is_base64(text)) {
    return url.refuse(fmt::format("Invalid '{}': the image is not valid base64, or is empty.",
                                  url.path(Field::Style::brackets)));
  }
  return Image{std::string(format), std::string(text)};
}

Result<void> read_part(const Field& part, Role role, std::vector<Block>& out) {
  TRY(const Field type, part.required("type"));
  TRY(const std::string_view kind, type.string());
  if (role == Role::assistant && kind == "refusal") {
    TRY(const Field refusal, part.required("refusal"));
    TRY(const std::string_view text, refusal.string());
    out.emplace_back(Text{std::string(text)});
    return {};
  }
  if (kind == "text") {
    TRY_VOID(part.only({"type", "text"}));
    TRY(const Field text_field, part.required("text"));
    TRY(const std::string_view text, text_field.string());
    out.emplace_back(Text{std::string(text)});
    return {};
  }
  if (role != Role::user) {
    TRY_VOID(type.one_of({"text"}));
    return {};
  }
  if (kind == "input_audio" || kind == "file") {
    return unsupported(type, kind, "Send text, or images as data URLs.");
  }
  TRY_VOID(type.one_of({"text", "image_url", "input_audio", "file"}));
  TRY_VOID(part.only({"type", "image_url"}));
  TRY(Image image, read_image(part));
  out.emplace_back(std::move(image));
  return {};
}

// A string, or a list of parts.
Result<void> read_content(const Field& content, Role role, std::vector<Block>& out) {
  if (const auto* text = content.value().if_string()) {
    if (role != Role::assistant || !text->empty()) out.emplace_back(Text{std::string(*text)});
    return {};
  }
  if (!content.value().is_array()) {
    return content.wrong({.kind = Problem::Kind::wrong_type, .wanted = JsonType::string});
  }
  TRY(const json::array* parts, content.array_of_length(1, SIZE_MAX));
  for (std::size_t i = 0; i < parts->size(); ++i) {
    TRY_VOID(read_part(Field((*parts)[i], content, i), role, out));
  }
  return {};
}

Result<ToolUse> read_tool_call(const Field& call) {
  TRY(const Field id_field, call.required("id"));
  TRY(const std::string_view id, id_field.string_of_length(1, call_id_chars_max));
  TRY(const Field type, call.required("type"));
  TRY_VOID(type.one_of({"function"}));
  TRY(const Field function, call.required("function"));
  TRY(const std::string_view name, read_function_name(function));
  TRY(const Field arguments, function.required("arguments"));
  TRY(const std::string_view text, arguments.string());
  ToolUse out{.id = std::string(id), .name = std::string(name), .input = json::object()};
  if (is_blank(text)) return out;
  auto input = json::parse(text);
  if (!input || !input->is_object()) {
    return arguments.refuse(fmt::format("Invalid '{}': expected a JSON object as a string.",
                                        arguments.path(Field::Style::brackets)));
  }
  out.input = *std::move(input);
  return out;
}

// What clients send back of an answer is more than what is said: the rest is let pass.
Result<void> read_assistant(const Field& place, std::vector<Block>& out) {
  TRY_VOID(place.only({"role", "content", "refusal", "name", "tool_calls", "function_call", "audio",
                       "annotations", "reasoning_content", "reasoning"}));
  for (const std::string_view name : {"function_call", "audio"}) {
    if (const auto member = place.child(name)) {
      return unsupported(*member, name, "Use tool_calls and text.");
    }
  }
  for (const std::string_view name : {"reasoning_content", "reasoning"}) {
    const auto member = place.child(name);
    if (!member) continue;
    TRY(const std::string_view text, member->string());
    if (!text.empty()) out.emplace_back(Reasoning{std::string(text)});
    break;
  }
  const auto content = place.child("content");
  if (content) TRY_VOID(read_content(*content, Role::assistant, out));
  const auto refusal = place.child("refusal");
  if (refusal) {
    TRY(const std::string_view text, refusal->string());
    if (!content && !text.empty()) out.emplace_back(Text{std::string(text)});
  }
  const auto calls = place.child("tool_calls");
  if (!calls) {
    if (content || refusal) return {};
    return place.wrong({.kind = Problem::Kind::missing, .detail = "content"});
  }
  TRY(const json::array* elements, calls->array_of_length(1, 128));
  for (std::size_t i = 0; i < elements->size(); ++i) {
    TRY(ToolUse use, read_tool_call(Field((*elements)[i], *calls, i)));
    out.emplace_back(std::move(use));
  }
  return {};
}

Result<void> read_tool_message(const Field& place, std::vector<Block>& out) {
  TRY_VOID(place.only({"role", "content", "tool_call_id", "name"}));
  TRY(const Field id, place.required("tool_call_id"));
  TRY(const std::string_view text, id.string_of_length(1, call_id_chars_max));
  ToolResult result{.tool_use_id = std::string(text), .content = {}};
  TRY(const Field content, place.required("content"));
  std::vector<Block> parts;
  TRY_VOID(read_content(content, Role::system, parts));
  for (Block& part : parts) result.content.emplace_back(std::get<Text>(std::move(part)));
  out.emplace_back(std::move(result));
  return {};
}

// Keeps the rule that a tool's results follow their calls.
class Turns {
 public:
  explicit Turns(std::vector<Message>& out) : out_(out) {}

  Result<void> take(Role role, std::vector<Block> blocks, const Field& place) {
    const auto* result = blocks.empty() ? nullptr : std::get_if<ToolResult>(&blocks.front());
    if (result) {
      TRY_VOID(answer(*result, place));
    } else {
      TRY_VOID(end(place));
    }
    for (const Block& block : blocks) {
      if (const auto* use = std::get_if<ToolUse>(&block)) open_.push_back(use->id);
    }
    if (!out_.empty() && out_.back().role == role) {
      for (Block& block : blocks) out_.back().blocks.push_back(std::move(block));
    } else if (!blocks.empty()) {
      out_.push_back({.role = role, .blocks = std::move(blocks)});
    }
    return {};
  }
  Result<void> end(const Field& place) const {
    if (open_.empty()) return {};
    return place.refuse(fmt::format(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        fmt::join(open_, ", ")));
  }

 private:
  Result<void> answer(const ToolResult& result, const Field& place) {
    if (std::erase(open_, result.tool_use_id) > 0) return {};
    return place.refuse(
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
        "with 'tool_calls'.");
  }
  std::vector<Message>& out_;
  std::vector<std::string> open_;  // calls that no message has answered yet
};

Result<void> read_message(const Field& place, Turns& turns) {
  TRY(const Field role_field, place.required("role"));
  TRY(const std::string_view role, role_field.string());
  std::vector<Block> blocks;
  if (role == "assistant") {
    TRY_VOID(read_assistant(place, blocks));
    return turns.take(Role::assistant, std::move(blocks), place);
  }
  if (role == "tool") {
    TRY_VOID(read_tool_message(place, blocks));
    return turns.take(Role::user, std::move(blocks), place);
  }
  if (role == "function") return unsupported(role_field, role, "Use the role tool.");
  TRY_VOID(role_field.one_of({"system", "developer", "user", "assistant", "tool"}));
  TRY_VOID(place.only({"role", "content", "name"}));
  const Role speaker = role == "user" ? Role::user : Role::system;
  TRY(const Field content, place.required("content"));
  TRY_VOID(read_content(content, speaker, blocks));
  return turns.take(speaker, std::move(blocks), place);
}

}  // namespace

Result<std::string_view> read_function_name(const Field& function) {
  TRY(const Field name, function.required("name"));
  TRY(const std::string_view text, name.string_of_length(1, 64));
  if (std::ranges::all_of(text, is_identifier_char)) return text;
  return name.wrong({.kind = Problem::Kind::pattern, .detail = "^[a-zA-Z0-9_-]+$"});
}

Result<void> read_chat_messages(const Field& messages, std::vector<Message>& out) {
  TRY(const json::array* elements, messages.array_of_length(1, SIZE_MAX));
  out.reserve(elements->size());
  Turns turns(out);
  for (std::size_t i = 0; i < elements->size(); ++i) {
    TRY_VOID(read_message(Field((*elements)[i], messages, i), turns));
  }
  return turns.end(messages);
}

}  // namespace tidegate::chat
