#include "chat/converse_blocks.hpp"

#include <fmt/format.h>

#include <array>

#include "base/bytes.hpp"

namespace tidegate::chat {
namespace {

constexpr std::size_t document_name_chars_max = 200;

std::unexpected<Error> not_base64(const Member& bytes) {
  return invalid(fmt::format("The value at {} is not valid base64, or is empty.", bytes.path()));
}

Result<std::string> read_text(const Member& member) {
  TRY(const std::string_view text, member.string());
  return std::string(text);
}

Result<Image> read_image(const Member& image) {
  TRY_VOID(image.object());
  TRY(const Member format_member, image.required("format"));
  TRY(const std::string_view format, format_member.one_of({"png", "jpeg", "gif", "webp"}));
  TRY(const Member holder, image.required("source"));
  static constexpr std::string_view keys[] = {"bytes", "s3Location"};
  TRY(const Member source, holder.only_one_of("ImageSource", keys));
  if (source.name() == "s3Location") {
    return source.not_supported("Send the image's bytes instead.");
  }
  TRY(const std::string_view base64, source.string());
  if (!is_base64(base64)) return not_base64(source);
  return Image{std::string(format), std::string(base64)};
}

Result<std::string> read_document_source(const Member& holder) {
  static constexpr std::string_view keys[] = {"bytes", "s3Location", "text", "content"};
  TRY(const Member source, holder.only_one_of("DocumentSource", keys));
  if (source.name() == "s3Location") {
    return source.not_supported("Send the document's bytes or text instead.");
  }
  if (source.name() == "text") return read_text(source);
  if (source.name() == "bytes") {
    TRY(const std::string_view base64, source.string());
    auto bytes = from_base64(base64);
    if (!bytes || bytes->empty()) return not_base64(source);
    if (!is_valid_utf8(*bytes)) {
      return invalid(fmt::format("The document at {} is not text in UTF-8.", source.path()));
    }
    return *std::move(bytes);
  }
  TRY(const json::array* parts, source.array());
  std::string out;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const Member part((*parts)[i], source, i);
    static constexpr std::string_view part_keys[] = {"text"};
    TRY(const Member text, part.only_one_of("DocumentContentBlock", part_keys));
    TRY(const std::string piece, read_text(text));
    if (!out.empty()) out += '\n';
    out += piece;
  }
  return out;
}

Result<Document> read_document(const Member& document) {
  TRY_VOID(document.object());
  Document out{.name = {}, .format = "txt", .text = {}};
  if (const auto format = document.child("format")) {
    TRY(const std::string_view name,
        format->one_of({"pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"}));
    if (name != "txt" && name != "md" && name != "csv" && name != "html") {
      return invalid(fmt::format("This model doesn't support documents of the format {}.", name),
                     fmt::format("Extract the text of {} and send it as txt, md, csv or html.",
                                 document.path()));
    }
    out.format = name;
  }
  TRY(const Member name_member, document.required("name"));
  TRY(const std::string_view name, name_member.string_of_length(1, document_name_chars_max));
  out.name = name;
  TRY(const Member source, document.required("source"));
  TRY(out.text, read_document_source(source));
  if (const auto context = document.child("context")) {
    TRY(const std::string_view text, context->string());
    if (!text.empty()) out.text = fmt::format("{}\n\n{}", text, out.text);
  }
  return out;
}

Result<std::string_view> read_tool_use_id(const Member& holder) {
  TRY(const Member id, holder.required("toolUseId"));
  TRY(const std::string_view text, id.string_of_length(1, tool_use_id_chars_max));
  TRY_VOID(id.matches(text, "[a-zA-Z0-9_.:-]+", is_tool_use_id_char));
  return text;
}

Result<ToolUse> read_tool_use(const Member& use) {
  TRY_VOID(use.object());
  TRY(const std::string_view id, read_tool_use_id(use));
  TRY(const std::string_view name, read_tool_name(use));
  TRY(const Member input, use.required("input"));
  if (!input.value().is_object()) {
    return invalid(
        fmt::format("The format of the value at {} is invalid. Provide a json object for the field "
                    "and try again.",
                    input.path()));
  }
  if (const auto type = use.child("type")) {
    return type->not_supported("Tools run at the client, not at the server.");
  }
  return ToolUse{std::string(id), std::string(name), json::value(input.value(), {})};
}

Result<void> read_result_part(const Member& part, ToolResult& out) {
  static constexpr std::string_view keys[] = {"json",     "text",  "image",
                                              "document", "video", "searchResult"};
  TRY(const Member kind, part.only_one_of("ToolResultContentBlock", keys));
  if (kind.name() == "json") {
    out.content.emplace_back(json::value(kind.value(), {}));
  } else if (kind.name() == "text") {
    TRY(std::string text, read_text(kind));
    out.content.emplace_back(Text{std::move(text)});
  } else if (kind.name() == "image") {
    TRY(Image image, read_image(kind));
    out.content.emplace_back(std::move(image));
  } else if (kind.name() == "document") {
    TRY(Document document, read_document(kind));
    out.content.emplace_back(Text{std::move(document.text)});
  } else {
    return kind.not_supported();
  }
  return {};
}

Result<ToolResult> read_tool_result(const Member& result) {
  TRY_VOID(result.object());
  TRY(const std::string_view id, read_tool_use_id(result));
  ToolResult out{.tool_use_id = std::string(id), .content = {}};
  if (const auto status = result.child("status")) {
    TRY(const std::string_view word, status->one_of({"success", "error"}));
    out.error = word == "error";
  }
  TRY(const Member content, result.required("content"));
  TRY(const json::array* parts, content.array());
  if (parts->empty() && out.error) {
    return invalid(fmt::format(
        "The content field at {} cannot be empty when status value is error.", result.path()));
  }
  for (std::size_t i = 0; i < parts->size(); ++i) {
    TRY_VOID(read_result_part(Member((*parts)[i], content, i), out));
  }
  return out;
}

Result<void> read_guard_content(const Member& guard, std::vector<Block>& out) {
  static constexpr std::string_view keys[] = {"text", "image"};
  TRY(const Member kind, guard.only_one_of("GuardrailConverseContentBlock", keys));
  if (kind.name() == "image") {
    TRY(Image image, read_image(kind));
    out.emplace_back(std::move(image));
    return {};
  }
  TRY_VOID(kind.object());
  TRY(const Member text_member, kind.required("text"));
  TRY(std::string text, read_text(text_member));
  out.emplace_back(Text{std::move(text)});
  return {};
}

Result<void> read_reasoning(const Member& reasoning, std::vector<Block>& out) {
  static constexpr std::string_view keys[] = {"reasoningText", "redactedContent"};
  TRY(const Member kind, reasoning.only_one_of("ReasoningContentBlock", keys));
  // Redacted reasoning can be read only by the provider that sealed it: nothing of it is passed on.
  if (kind.name() == "redactedContent") return {};
  TRY_VOID(kind.object());
  TRY(const Member text_member, kind.required("text"));
  TRY(std::string text, read_text(text_member));
  Reasoning block{std::move(text)};
  if (const auto signature = kind.child("signature")) {
    TRY(block.signature, read_text(*signature));
  }
  out.emplace_back(std::move(block));
  return {};
}

// An answer that cited its sources, handed back as history: its text counts, the citations do not.
Result<void> read_cited(const Member& cited, std::vector<Block>& out) {
  TRY_VOID(cited.object());
  const auto content = cited.child("content");
  if (!content) return {};
  TRY(const json::array* parts, content->array());
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const Member part((*parts)[i], *content, i);
    static constexpr std::string_view keys[] = {"text"};
    TRY(const Member text_member, part.only_one_of("CitationGeneratedContent", keys));
    TRY(std::string text, read_text(text_member));
    out.emplace_back(Text{std::move(text)});
  }
  return {};
}

Result<void> read_cache_point(const Member& point, std::vector<Block>& out) {
  TRY_VOID(point.object());
  TRY(const Member type, point.required("type"));
  TRY_VOID(type.one_of({"default"}));
  if (const auto ttl = point.child("ttl")) TRY_VOID(ttl->one_of({"5m", "1h"}));
  out.emplace_back(CachePoint{});
  return {};
}

Result<void> read_text_block(const Member& member, std::string_view shape, const Member& block,
                             std::vector<Block>& out) {
  TRY(const std::string_view text, member.string());
  if (is_blank(text)) {
    return invalid(
        fmt::format("The text field in the {} object at {} is blank. Add text to the text field, "
                    "and try again.",
                    shape, block.path()));
  }
  out.emplace_back(Text{std::string(text)});
  return {};
}

// Appends what `read` gives as one block.
template <class T>
Result<void> append(Result<T> (*read)(const Member&), const Member& member,
                    std::vector<Block>& out) {
  TRY(T block, read(member));
  out.emplace_back(std::move(block));
  return {};
}

Result<void> read_system_block(const Member& block, std::vector<Block>& out) {
  static constexpr std::string_view keys[] = {"text", "guardContent", "cachePoint"};
  TRY(const Member kind, block.only_one_of("SystemContentBlock", keys));
  if (kind.name() == "guardContent") return read_guard_content(kind, out);
  if (kind.name() == "cachePoint") return read_cache_point(kind, out);
  return read_text_block(kind, "SystemContentBlock", block, out);
}

}  // namespace

bool is_base64(std::string_view text) {
  static constexpr auto alphabet = [] {
    std::array<bool, 256> in{};
    for (int c = 0; c < 256; ++c) {
      in[static_cast<std::size_t>(c)] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                        (c >= '0' && c <= '9') || c == '+' || c == '/';
    }
    return in;
  }();
  if (text.empty() || text.size() % 4 != 0) return false;
  for (int i = 0; i < 2 && text.back() == '='; ++i) text.remove_suffix(1);
  bool good = true;
  for (const char c : text) good &= alphabet[static_cast<std::uint8_t>(c)];
  return good;
}

Result<std::string_view> read_tool_name(const Member& holder) {
  TRY(const Member name, holder.required("name"));
  TRY(const std::string_view text, name.string_of_length(1, tool_name_chars_max));
  TRY_VOID(name.matches(text, "[a-zA-Z0-9_-]+", is_identifier_char));
  return text;
}

Result<void> read_block(const Member& block, Role role, std::vector<Block>& out) {
  if (role == Role::system) return read_system_block(block, out);
  static constexpr std::string_view keys[] = {
      "text",         "image",      "toolUse",          "toolResult",   "document",
      "video",        "cachePoint", "reasoningContent", "guardContent", "citationsContent",
      "searchResult", "audio",      "toolAddition",     "toolRemoval"};
  TRY(const Member kind, block.only_one_of("ContentBlock", keys));
  const std::string_view key = kind.name();
  const bool of_assistant =
      key == "toolUse" || key == "reasoningContent" || key == "citationsContent";
  const bool of_user = key == "toolResult" || key == "image" || key == "document";
  if ((of_assistant && role == Role::user) || (of_user && role == Role::assistant)) {
    return invalid(fmt::format("The {} block at {} can't be used in a message of the role {}.", key,
                               block.path(), role == Role::user ? "user" : "assistant"));
  }
  if (key == "text") {
    return read_text_block(kind, "ContentBlock", block, out);
  }
  if (key == "image") return append(read_image, kind, out);
  if (key == "document") return append(read_document, kind, out);
  if (key == "toolUse") return append(read_tool_use, kind, out);
  if (key == "toolResult") return append(read_tool_result, kind, out);
  if (key == "guardContent") return read_guard_content(kind, out);
  if (key == "cachePoint") return read_cache_point(kind, out);
  if (key == "reasoningContent") return read_reasoning(kind, out);
  if (key == "citationsContent") return read_cited(kind, out);
  return kind.not_supported();
}

}  // namespace tidegate::chat
