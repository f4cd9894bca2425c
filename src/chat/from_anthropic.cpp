// What Anthropic's Messages answer, whole and streamed. A member of another type counts as absent.
#include <algorithm>

#include "chat/not_understood.hpp"
#include "chat/response_paths.hpp"
#include "chat/to_anthropic.hpp"

namespace tidegate::chat {
namespace {

// Members that are there replace what was known: message_start says one half, message_delta the
// other, and some servers all of it twice.
void read_usage(const json::object& o, Usage& usage) {
  const auto take = [&](std::string_view name, std::int64_t& into) {
    if (const auto count = json::find_int(o, name)) into = std::max<std::int64_t>(*count, 0);
  };
  take("input_tokens", usage.input_tokens);
  take("output_tokens", usage.output_tokens);
  take("cache_read_input_tokens", usage.cache_read_tokens);
  take("cache_creation_input_tokens", usage.cache_write_tokens);
}

StopReason stop_reason_of(std::string_view reason) {
  if (reason == "max_tokens") return StopReason::max_tokens;
  if (reason == "stop_sequence") return StopReason::stop_sequence;
  if (reason == "tool_use") return StopReason::tool_use;
  if (reason == "refusal") return StopReason::content_filtered;
  if (reason == "model_context_window_exceeded") return StopReason::context_window_exceeded;
  return StopReason::end_turn;  // end_turn, pause_turn
}

Result<void> read_block(const json::object& block, std::vector<Block>& out) {
  const auto type = json::find_string(block, "type").value_or("");
  if (type == "text") {
    const auto text = json::find_string(block, "text").value_or("");
    if (!text.empty()) out.emplace_back(Text{std::string(text)});
  } else if (type == "thinking") {
    out.emplace_back(Reasoning{std::string(json::find_string(block, "thinking").value_or("")),
                               std::string(json::find_string(block, "signature").value_or(""))});
  } else if (type == "tool_use") {
    const auto name = json::find_string(block, "name");
    const auto id = json::find_string(block, "id");
    if (!name || !id) return not_understood("a tool call without a name or an id");
    const json::object* input = json::find_object(block, "input");
    out.emplace_back(ToolUse{std::string(*id), std::string(*name),
                             input ? json::value(json::object(*input, boost::json::storage_ptr{}))
                                   : json::value(json::object())});
  }
  return {};
}

}  // namespace

Result<Completion> from_anthropic(std::string_view body, std::span<const std::string> paths) {
  json::Arena arena;
  const auto document = json::parse(body, arena.storage());
  if (!document) return not_understood(document.error().message);
  const json::object* answer = document->if_object();
  const json::array* content = answer ? json::find_array(*answer, "content") : nullptr;
  if (!content) return not_understood("the answer has no content");
  Completion out;
  for (const json::value& block : *content) {
    if (!block.is_object()) return not_understood("a content block that is not an object");
    TRY_VOID(read_block(block.get_object(), out.blocks));
  }
  out.stop_reason = stop_reason_of(json::find_string(*answer, "stop_reason").value_or(""));
  out.stop_sequence = json::find_string(*answer, "stop_sequence").value_or("");
  if (const auto* usage = json::find_object(*answer, "usage")) read_usage(*usage, out.usage);
  collect(*document, paths, out.additional);
  return out;
}

Result<void> AnthropicStreamReader::feed(std::string_view bytes, std::vector<Delta>& out) {
  return events_.feed(bytes, [&](std::string_view data) { return on_event(data, out); });
}

Result<void> AnthropicStreamReader::finish(std::vector<Delta>& out) {
  TRY_VOID(events_.finish([&](std::string_view data) { return on_event(data, out); }));
  if (!stopped_) return broken_stream("the stream ended before the answer did");
  return {};
}

Result<void> AnthropicStreamReader::on_event(std::string_view data, std::vector<Delta>& out) {
  if (done_) return {};
  json::Arena arena;
  const auto document = json::parse(data, arena.storage());
  const json::object* event = document ? document->if_object() : nullptr;
  if (!event) return broken_stream("an event that is not a JSON object");
  const auto type = json::find_string(*event, "type").value_or("");
  if (type == "content_block_delta") return on_block_delta(*event, out);
  if (type == "content_block_start") return on_block_start(*event, out);
  if (type == "content_block_stop") {
    in_tool_ = false;
  } else if (type == "message_start") {
    const auto* message = json::find_object(*event, "message");
    const auto* usage = message ? json::find_object(*message, "usage") : nullptr;
    if (usage) read_usage(*usage, usage_);
  } else if (type == "message_delta") {
    on_message_delta(*document, out);
  } else if (type == "message_stop") {
    done_ = true;
  } else if (type == "error") {
    error_event_ = data;
    return broken_stream("an error inside the stream");
  }
  return {};  // ping, and what comes after this was written
}

Result<void> AnthropicStreamReader::on_block_start(const json::object& event,
                                                   std::vector<Delta>& out) {
  const auto* block = json::find_object(event, "content_block");
  if (!block) return broken_stream("a block that is not an object");
  const auto type = json::find_string(*block, "type").value_or("");
  in_tool_ = type == "tool_use";
  if (in_tool_) {
    const auto name = json::find_string(*block, "name");
    const auto id = json::find_string(*block, "id");
    if (!name || !id) return broken_stream("a tool call without a name or an id");
    out.emplace_back(ToolUseStart{std::string(*id), std::string(*name)});
  } else if (type == "text") {  // real ones begin empty
    const auto text = json::find_string(*block, "text").value_or("");
    if (!text.empty()) out.emplace_back(TextDelta{std::string(text)});
  }
  return {};
}

Result<void> AnthropicStreamReader::on_block_delta(const json::object& event,
                                                   std::vector<Delta>& out) {
  const auto* delta = json::find_object(event, "delta");
  if (!delta) return broken_stream("a delta that is not an object");
  const auto type = json::find_string(*delta, "type").value_or("");
  const auto text = [&](std::string_view member) {
    return std::string(json::find_string(*delta, member).value_or(""));
  };
  if (type == "text_delta") {
    if (auto piece = text("text"); !piece.empty()) out.emplace_back(TextDelta{std::move(piece)});
  } else if (type == "thinking_delta") {
    if (auto piece = text("thinking"); !piece.empty())
      out.emplace_back(ReasoningDelta{std::move(piece)});
  } else if (type == "signature_delta") {
    if (auto signature = text("signature"); !signature.empty())
      out.emplace_back(ReasoningDelta{{}, std::move(signature)});
  } else if (type == "input_json_delta" && in_tool_) {
    if (auto piece = text("partial_json"); !piece.empty())
      out.emplace_back(ToolUseDelta{std::move(piece)});
  }
  return {};
}

void AnthropicStreamReader::on_message_delta(const json::value& event, std::vector<Delta>& out) {
  const json::object& members = event.get_object();
  if (const auto* usage = json::find_object(members, "usage")) read_usage(*usage, usage_);
  const auto* delta = json::find_object(members, "delta");
  const auto reason = delta ? json::find_string(*delta, "stop_reason") : std::nullopt;
  out.emplace_back(usage_);
  if (!reason || std::exchange(stopped_, true)) return;
  Stop stop{stop_reason_of(*reason)};
  stop.sequence = json::find_string(*delta, "stop_sequence").value_or("");
  collect(event.at("delta"), paths_, stop.additional);
  out.emplace_back(std::move(stop));
}

}  // namespace tidegate::chat
