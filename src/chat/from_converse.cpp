// What Converse answers, whole and streamed, read from the client's side. A member of another type
// counts as absent.
#include <algorithm>
#include <array>

#include "chat/not_understood.hpp"
#include "chat/sse.hpp"
#include "chat/to_converse.hpp"

namespace tidegate::chat {
namespace {

std::int64_t count_of(const json::object& o, std::string_view name) {
  return std::max<std::int64_t>(json::find_int(o, name).value_or(0), 0);
}

Usage usage_of(const json::object& o) {
  return {.input_tokens = count_of(o, "inputTokens"),
          .output_tokens = count_of(o, "outputTokens"),
          .cache_read_tokens = count_of(o, "cacheReadInputTokens"),
          .cache_write_tokens = count_of(o, "cacheWriteInputTokens")};
}

// Our own words for every reason, and the two that have no equal here.
StopReason stop_reason_of(std::string_view word) {
  for (const StopReason reason :
       {StopReason::max_tokens, StopReason::stop_sequence, StopReason::tool_use,
        StopReason::content_filtered, StopReason::context_window_exceeded,
        StopReason::malformed_tool_use}) {
    if (name_of(reason) == word) return reason;
  }
  return word == "guardrail_intervened" ? StopReason::content_filtered : StopReason::end_turn;
}

std::string text_in(const json::object& o, std::string_view name) {
  return std::string(json::find_string(o, name).value_or(""));
}

// A value that outlives the document it was found in.
json::object copy_of(const json::object* o) {
  return o ? json::object(*o, boost::json::storage_ptr{}) : json::object();
}

Result<void> read_block(const json::object& block, std::vector<Block>& out) {
  if (const auto text = json::find_string(block, "text")) {
    out.emplace_back(Text{std::string(*text)});
  } else if (const auto* use = json::find_object(block, "toolUse")) {
    if (!json::find_string(*use, "toolUseId") || !json::find_string(*use, "name"))
      return not_understood("a tool call without a name or an id");
    out.emplace_back(ToolUse{text_in(*use, "toolUseId"), text_in(*use, "name"),
                             json::value(copy_of(json::find_object(*use, "input")))});
  } else if (const auto* reasoning = json::find_object(block, "reasoningContent")) {
    if (const auto* said = json::find_object(*reasoning, "reasoningText"))
      out.emplace_back(Reasoning{text_in(*said, "text"), text_in(*said, "signature")});
  }
  return {};
}

}  // namespace

Result<Completion> from_converse(std::string_view body) {
  json::Arena arena;
  const auto document = json::parse(body, arena.storage());
  if (!document) return not_understood(document.error().message);
  const json::object* answer = document->if_object();
  const auto* output = answer ? json::find_object(*answer, "output") : nullptr;
  const auto* message = output ? json::find_object(*output, "message") : nullptr;
  const auto* content = message ? json::find_array(*message, "content") : nullptr;
  if (!content) return not_understood("the answer has no output.message.content");
  Completion out;
  for (const json::value& block : *content) {
    if (!block.is_object()) return not_understood("a content block that is not an object");
    TRY_VOID(read_block(block.get_object(), out.blocks));
  }
  out.stop_reason = stop_reason_of(text_in(*answer, "stopReason"));
  if (const auto* usage = json::find_object(*answer, "usage")) out.usage = usage_of(*usage);
  out.additional = copy_of(json::find_object(*answer, "additionalModelResponseFields"));
  return out;
}

Result<std::int64_t> from_count_tokens(std::string_view body) {
  const auto document = json::parse(body);
  const json::object* answer = document ? document->if_object() : nullptr;
  const auto tokens = answer ? json::find_int(*answer, "inputTokens") : std::nullopt;
  if (!tokens) return not_understood("the answer has no inputTokens");
  return *tokens;
}

Result<void> ConverseStreamReader::feed(std::string_view bytes, std::vector<Delta>& out) {
  decoder_.feed(bytes);
  for (;;) {
    auto message = decoder_.next();
    if (!message) return broken_stream(std::move(message).error().message);
    if (!*message) return {};
    TRY_VOID(on_message(**message, out));
  }
}

Result<void> ConverseStreamReader::finish(std::vector<Delta>&) {
  if (stopped_ && decoder_.empty()) return {};
  return broken_stream("the stream ended before the answer did");
}

Result<void> ConverseStreamReader::on_message(const aws::EventMessage& message,
                                              std::vector<Delta>& out) {
  if (message.string_header(":message-type") != "event") {
    struct Row {
      std::string_view type;
      int status;
    };
    static constexpr auto rows = std::to_array<Row>({{"validationException", 400},
                                                     {"throttlingException", 429},
                                                     {"modelStreamErrorException", 424},
                                                     {"serviceUnavailableException", 503},
                                                     {"modelTimeoutException", 408}});
    const auto type = message.string_header(":exception-type").value_or("");
    const auto row = std::ranges::find(rows, type, &Row::type);
    error_event_ = message.payload.empty() ? "{}" : message.payload;
    return broken_stream("an exception inside the stream", row == rows.end() ? 500 : row->status);
  }
  return on_event(message.string_header(":event-type").value_or(""), message.payload, out);
}

Result<void> ConverseStreamReader::on_event(std::string_view type, std::string_view payload,
                                            std::vector<Delta>& out) {
  json::Arena arena;
  const auto document = json::parse(payload, arena.storage());
  const json::object* event = document ? document->if_object() : nullptr;
  if (!event) return broken_stream("an event that is not a JSON object");
  if (type == "contentBlockDelta") {
    const auto* delta = json::find_object(*event, "delta");
    if (!delta) return broken_stream("a delta that is not an object");
    if (const auto text = json::find_string(*delta, "text")) {
      if (!text->empty()) out.emplace_back(TextDelta{std::string(*text)});
    } else if (const auto* use = json::find_object(*delta, "toolUse")) {
      out.emplace_back(ToolUseDelta{text_in(*use, "input")});
    } else if (const auto* said = json::find_object(*delta, "reasoningContent")) {
      ReasoningDelta piece{text_in(*said, "text"), text_in(*said, "signature")};
      if (!piece.text.empty() || !piece.signature.empty()) out.emplace_back(std::move(piece));
    }
  } else if (type == "contentBlockStart") {
    const auto* start = json::find_object(*event, "start");
    const auto* use = start ? json::find_object(*start, "toolUse") : nullptr;
    if (use) out.emplace_back(ToolUseStart{text_in(*use, "toolUseId"), text_in(*use, "name")});
  } else if (type == "messageStop") {
    stopped_ = true;
    Stop stop{stop_reason_of(text_in(*event, "stopReason"))};
    stop.additional = copy_of(json::find_object(*event, "additionalModelResponseFields"));
    out.emplace_back(std::move(stop));
  } else if (type == "metadata") {
    done_ = true;
    if (const auto* usage = json::find_object(*event, "usage")) out.emplace_back(usage_of(*usage));
  }
  return {};
}

}  // namespace tidegate::chat
