#include "chat/anthropic_blocks.hpp"

#include <fmt/format.h>

#include "chat/converse_blocks.hpp"

namespace tidegate::chat {
namespace {

constexpr std::size_t id_chars_max = 64;

// The block again, one step deeper: a place inside "messages.0.content.0" goes on with the block's
// type.
Field inside(const Field& block, std::string_view type) {
  return Field(block.value(), block, type);
}

Result<std::string_view> read_text(const Field& holder, std::string_view name) {
  TRY(const Field text, holder.required(name));
  return text.string();
}

Result<std::string_view> read_id(const Field& holder, std::string_view name) {
  TRY(const Field id, holder.required(name));
  TRY(const std::string_view text, id.string_of_length(1, id_chars_max));
  if (std::ranges::all_of(text, is_tool_use_id_char)) return text;
  return id.wrong({.kind = Problem::Kind::pattern, .detail = "^[a-zA-Z0-9_-]+$"});
}

Result<void> read_text_block(const Field& block, std::vector<Block>& out) {
  TRY_VOID(block.only({"type", "text", "cache_control", "citations"}));
  TRY(const std::string_view text, read_text(block, "text"));
  if (text.empty()) return block.refuse("text content blocks must be non-empty");
  if (is_blank(text)) return block.refuse("text content blocks must contain non-whitespace text");
  out.emplace_back(Text{std::string(text)});
  return {};
}

Result<Image> read_image(const Field& block) {
  TRY_VOID(block.only({"type", "source", "cache_control"}));
  TRY(const Field source, block.required("source"));
  TRY(const Field type, source.required("type"));
  TRY(const std::string_view kind, type.one_of({"base64", "url", "file"}));
  if (kind != "base64") {
    return source.refuse(fmt::format("image sources of the type '{}' are not supported", kind),
                         "Send the image's bytes as base64: nothing is fetched for a request.");
  }
  TRY_VOID(source.only({"type", "media_type", "data"}));
  TRY(const Field media, source.required("media_type"));
  TRY(const std::string_view media_type,
      media.one_of({"image/jpeg", "image/png", "image/gif", "image/webp"}));
  TRY(const Field data, source.required("data"));
  TRY(const std::string_view base64, data.string());
  if (base64.empty()) return data.refuse("image cannot be empty");
  if (!is_base64(base64)) return data.refuse("Invalid base64 data");
  return Image{std::string(media_type.substr(media_type.find('/') + 1)), std::string(base64)};
}

// Texts of a document that is made of blocks.
Result<std::string> read_parts(const Field& content) {
  if (content.value().is_string()) return std::string(content.value().get_string());
  TRY(const json::array* parts, content.array_of_length(1, SIZE_MAX));
  std::string out;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const Field part((*parts)[i], content, i);
    TRY(const Field type, part.required("type"));
    TRY_VOID(type.one_of({"text"}));
    TRY(const std::string_view text, read_text(inside(part, "text"), "text"));
    if (!out.empty()) out += '\n';
    out += text;
  }
  return out;
}

Result<std::string> read_document_source(const Field& source) {
  TRY(const Field type, source.required("type"));
  TRY(const std::string_view kind, type.one_of({"base64", "text", "content", "url", "file"}));
  if (kind == "content") {
    TRY_VOID(source.only({"type", "content"}));
    TRY(const Field content, source.required("content"));
    return read_parts(content);
  }
  if (kind != "text") {
    return source.refuse(fmt::format("document sources of the type '{}' are not supported", kind),
                         "Extract the document's text and send it as a source of the type text.");
  }
  TRY_VOID(source.only({"type", "media_type", "data"}));
  TRY(const Field media, source.required("media_type"));
  TRY_VOID(media.one_of({"text/plain"}));
  TRY(const std::string_view text, read_text(source, "data"));
  return std::string(text);
}

Result<Document> read_document(const Field& block) {
  TRY_VOID(block.only({"type", "source", "title", "context", "citations", "cache_control"}));
  Document out{.name = "document", .format = "txt", .text = {}};
  if (const auto title = block.child("title")) {
    TRY(out.name, title->string_of_length(1, 500));
  }
  if (const auto citations = block.child("citations")) {
    TRY_VOID(citations->only({"enabled"}));
    const auto enabled = citations->child("enabled");
    if (enabled) {
      TRY(const bool on, enabled->boolean());
      if (on) {
        return enabled->refuse("citations are not supported for this model",
                               "Set citations.enabled to false or leave citations out.");
      }
    }
  }
  TRY(const Field source, block.required("source"));
  TRY(out.text, read_document_source(source));
  if (const auto context = block.child("context")) {
    TRY(const std::string_view text, context->string());
    if (!text.empty()) out.text = fmt::format("{}\n\n{}", text, out.text);
  }
  return out;
}

Result<ToolUse> read_tool_use(const Field& block) {
  TRY_VOID(block.only({"type", "id", "name", "input", "cache_control", "caller"}));
  TRY(const std::string_view id, read_id(block, "id"));
  TRY(const Field name, block.required("name"));
  TRY(const std::string_view text, name.string_of_length(1, 200));
  TRY(const Field input, block.required("input"));
  TRY_VOID(input.object());
  return ToolUse{std::string(id), std::string(text), json::value(input.value(), {})};
}

Result<void> read_result_part(const Field& part, ToolResult& out) {
  TRY(const Field type, part.required("type"));
  TRY(const std::string_view kind, type.one_of({"text", "image", "document", "search_result"}));
  const Field block = inside(part, kind);
  if (kind == "image") {
    TRY(Image image, read_image(block));
    out.content.emplace_back(std::move(image));
  } else if (kind == "document") {
    TRY(Document document, read_document(block));
    out.content.emplace_back(Text{std::move(document.text)});
  } else if (kind == "text") {
    TRY_VOID(block.only({"type", "text", "cache_control", "citations"}));
    TRY(const std::string_view text, read_text(block, "text"));
    out.content.emplace_back(Text{std::string(text)});
  } else {
    return block.refuse("search results are not supported", "Send their text as a text block.");
  }
  return {};
}

Result<ToolResult> read_tool_result(const Field& block) {
  TRY_VOID(block.only({"type", "tool_use_id", "content", "is_error", "cache_control"}));
  TRY(const std::string_view id, read_id(block, "tool_use_id"));
  ToolResult out{.tool_use_id = std::string(id), .content = {}};
  if (const auto error = block.child("is_error")) {
    TRY(out.error, error->boolean());
  }
  const auto content = block.child("content");
  if (!content) return out;
  if (content->value().is_string()) {
    out.content.emplace_back(Text{std::string(content->value().get_string())});
    return out;
  }
  TRY(const json::array* parts, content->array());
  for (std::size_t i = 0; i < parts->size(); ++i) {
    TRY_VOID(read_result_part(Field((*parts)[i], *content, i), out));
  }
  return out;
}

Result<Reasoning> read_thinking(const Field& block) {
  TRY_VOID(block.only({"type", "thinking", "signature"}));
  TRY(const std::string_view text, read_text(block, "thinking"));
  TRY(const std::string_view signature, read_text(block, "signature"));
  return Reasoning{std::string(text), std::string(signature)};
}

template <class T>
Result<void> append(Result<T> (*read)(const Field&), const Field& block, std::vector<Block>& out) {
  TRY(T value, read(block));
  out.emplace_back(std::move(value));
  return {};
}

// Which blocks a role may say; system speaks in text alone.
Result<void> check_role(const Field& block, std::string_view kind, Role role) {
  const bool of_assistant = kind == "tool_use" || kind.ends_with("thinking");
  const bool of_user = kind == "tool_result" || kind == "image" || kind == "document";
  if (of_assistant && role != Role::assistant) {
    return block.refuse(fmt::format("`{}` blocks can only be in `assistant` messages", kind));
  }
  if (of_user && role != Role::user) {
    return block.refuse(fmt::format("`{}` blocks can only be in `user` messages", kind));
  }
  return {};
}

Result<void> read_block(const Field& element, Role role, std::vector<Block>& out) {
  TRY(const Field type, element.required("type"));
  TRY(const std::string_view kind, type.string());
  if (kind == "search_result" || kind.starts_with("server_tool") || kind.starts_with("mcp_") ||
      kind.starts_with("web_") || kind == "container_upload") {
    return element.refuse(fmt::format("`{}` blocks are not supported for this model", kind),
                          "Tools run at the client; send what they found as text.");
  }
  TRY_VOID(type.one_of(
      {"document", "image", "redacted_thinking", "text", "thinking", "tool_result", "tool_use"}));
  const Field block = inside(element, kind);
  TRY_VOID(check_role(element, kind, role));
  if (kind == "text") return read_text_block(block, out);
  if (kind == "image") return append(read_image, block, out);
  if (kind == "document") return append(read_document, block, out);
  if (kind == "tool_use") return append(read_tool_use, block, out);
  if (kind == "tool_result") return append(read_tool_result, block, out);
  if (kind == "thinking") return append(read_thinking, block, out);
  // Sealed for its provider: checked, and nothing of it is passed on.
  TRY_VOID(block.only({"type", "data"}));
  TRY_VOID(read_text(block, "data"));
  return {};
}

}  // namespace

Result<bool> read_cache_control(const Field& holder) {
  const auto control = holder.child("cache_control");
  if (!control) return false;
  TRY_VOID(control->only({"type", "ttl", "scope"}));
  TRY(const Field type, control->required("type"));
  TRY_VOID(type.one_of({"ephemeral"}));
  if (const auto ttl = control->child("ttl")) TRY_VOID(ttl->one_of({"5m", "1h"}));
  return true;
}

Result<void> read_anthropic_content(const Field& content, Role role, std::vector<Block>& out) {
  if (content.value().is_string()) {
    const std::string_view text = content.value().get_string();
    if (!text.empty()) out.emplace_back(Text{std::string(text)});
    return {};
  }
  TRY(const json::array* blocks, content.array());
  out.reserve(out.size() + blocks->size());
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    const Field block((*blocks)[i], content, i);
    TRY_VOID(block.object());
    TRY_VOID(read_block(block, role, out));
    TRY(const bool cached, read_cache_control(block));
    if (cached) out.emplace_back(CachePoint{});
  }
  return {};
}

}  // namespace tidegate::chat
