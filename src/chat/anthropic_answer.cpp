// Answers in Anthropic's words, whole and streamed, their members in the order of the real ones.
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "chat/anthropic_messages.hpp"
#include "chat/json_list.hpp"

namespace tidegate::chat {
namespace {

std::string_view anthropic_stop(StopReason reason) {
  switch (reason) {
    case StopReason::end_turn:
      return "end_turn";
    case StopReason::max_tokens:
      return "max_tokens";
    case StopReason::stop_sequence:
      return "stop_sequence";
    case StopReason::tool_use:
    case StopReason::malformed_tool_use:
      return "tool_use";
    case StopReason::content_filtered:
      return "refusal";
    case StopReason::context_window_exceeded:
      return "model_context_window_exceeded";
  }
  return "end_turn";
}

void append_stop(std::string& out, StopReason reason, std::string_view sequence) {
  out += R"("stop_reason":")";
  out += anthropic_stop(reason);
  out += R"(","stop_sequence":)";
  if (reason == StopReason::stop_sequence && !sequence.empty()) {
    json::append_quoted(out, sequence);
  } else {
    out += "null";
  }
}

void append_usage(std::string& out, const Usage& usage) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"input_tokens":{},"cache_creation_input_tokens":{},)"
                 R"("cache_read_input_tokens":{},"output_tokens":{}}})",
                 usage.input_tokens, usage.cache_write_tokens, usage.cache_read_tokens,
                 usage.output_tokens);
}

// An input that is not a JSON object cannot stand here: Anthropic's advice for such text is to wrap
// it like this.
void append_input(std::string& out, const json::value& input) {
  if (input.is_object()) {
    out += json::serialize(input);
    return;
  }
  append_member(out, R"({"INVALID_JSON":)",
                input.is_string() ? std::string(input.get_string()) : json::serialize(input));
  out += '}';
}

void append_block(std::string& out, const Block& block) {
  if (const auto* text = std::get_if<Text>(&block)) {
    append_member(out, R"({"type":"text","text":)", text->text);
    out += '}';
  } else if (const auto* reasoning = std::get_if<Reasoning>(&block)) {
    append_member(out, R"({"type":"thinking","thinking":)", reasoning->text);
    append_member(out, R"(,"signature":)", reasoning->signature);
    out += '}';
  } else if (const auto* use = std::get_if<ToolUse>(&block)) {
    append_member(out, R"({"type":"tool_use","id":)", use->id);
    append_member(out, R"(,"name":)", use->name);
    out += R"(,"input":)";
    append_input(out, use->input);
    out += '}';
  }
}

void append_head(std::string& out, const AnthropicName& name) {
  append_member(out, R"({"model":)", name.model);
  append_member(out, R"(,"id":)", name.id);
  out += R"(,"type":"message","role":"assistant","content":[)";
}

}  // namespace

std::string anthropic_message_id(AnthropicDoor door, std::string_view request_id) {
  std::string out = door == AnthropicDoor::invoke_model ? "msg_bdrk_01" : "msg_01";
  const Sha256 digest = sha256(request_id);
  // Base 62 without a bias that anybody could see: an id, not a secret.
  static constexpr std::string_view alphabet =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (std::size_t i = 0; i < 22; ++i) out += alphabet[digest[i] % alphabet.size()];
  return out;
}

std::string anthropic_model_name(std::string_view model_id) {
  constexpr std::string_view provider = "anthropic.";
  if (!model_id.starts_with(provider)) return std::string(model_id);
  model_id.remove_prefix(provider.size());
  const auto version = model_id.rfind("-v");
  const bool numbered =
      version != std::string_view::npos && version + 2 < model_id.size() &&
      model_id.find_first_not_of("0123456789:", version + 2) == std::string_view::npos;
  return std::string(numbered ? model_id.substr(0, version) : model_id);
}

std::string anthropic_answer(const Completion& completion, const AnthropicName& name) {
  std::string out;
  append_head(out, name);
  bool first = true;
  for (const Block& block : completion.blocks) {
    if (!std::exchange(first, false)) out += ',';
    append_block(out, block);
  }
  out += "],";
  append_stop(out, completion.stop_reason, completion.stop_sequence);
  out += R"(,"usage":)";
  append_usage(out, completion.usage);
  out += '}';
  return out;
}

std::string anthropic_token_count(std::int64_t input_tokens) {
  return fmt::format(R"({{"input_tokens":{}}})", input_tokens);
}

void AnthropicStreamWriter::begin_payload(std::string_view type) {
  payload_ = R"({"type":")";
  payload_ += type;
  payload_ += '"';
}

void AnthropicStreamWriter::open_message(std::string& out) {
  if (std::exchange(begun_, true)) return;
  begin_payload("message_start");
  payload_ += R"(,"message":)";
  append_head(payload_, name_);
  payload_ += R"(],"stop_reason":null,"stop_sequence":null,"usage":)";
  append_usage(payload_, usage_);
  payload_ += "}}";
  framing_.append(out, "message_start", payload_);
}

void AnthropicStreamWriter::close_block(std::string& out) {
  if (std::exchange(kind_, Kind::none) == Kind::none) return;
  begin_payload("content_block_stop");
  payload_ += R"(,"index":)";
  payload_ += std::to_string(block_);
  payload_ += '}';
  framing_.append(out, "content_block_stop", payload_);
}

void AnthropicStreamWriter::enter_block(std::string& out, Kind kind,
                                        std::string_view content_block) {
  open_message(out);
  if (kind_ == kind && kind != Kind::tool) return;
  close_block(out);
  kind_ = kind;
  ++block_;
  begin_payload("content_block_start");
  payload_ += R"(,"index":)";
  payload_ += std::to_string(block_);
  payload_ += R"(,"content_block":)";
  payload_ += content_block;
  payload_ += '}';
  framing_.append(out, "content_block_start", payload_);
}

void AnthropicStreamWriter::write_delta(std::string& out, std::string_view before,
                                        std::string_view text) {
  begin_payload("content_block_delta");
  payload_ += R"(,"index":)";
  payload_ += std::to_string(block_);
  payload_ += R"(,"delta":{"type":)";
  payload_ += before;
  json::append_quoted(payload_, text);
  payload_ += "}}";
  framing_.append(out, "content_block_delta", payload_);
}

void AnthropicStreamWriter::write(std::string& out, const Delta& delta) {
  if (const auto* text = std::get_if<TextDelta>(&delta)) {
    enter_block(out, Kind::text, R"({"type":"text","text":""})");
    write_delta(out, R"("text_delta","text":)", text->text);
  } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&delta)) {
    enter_block(out, Kind::thinking, R"({"type":"thinking","thinking":"","signature":""})");
    if (!reasoning->text.empty()) {
      write_delta(out, R"("thinking_delta","thinking":)", reasoning->text);
    }
    if (!reasoning->signature.empty()) {
      write_delta(out, R"("signature_delta","signature":)", reasoning->signature);
    }
  } else if (const auto* start = std::get_if<ToolUseStart>(&delta)) {
    std::string block;
    append_member(block, R"({"type":"tool_use","id":)", start->id);
    append_member(block, R"(,"name":)", start->name);
    block += R"(,"input":{}})";
    enter_block(out, Kind::tool, block);
  } else if (const auto* piece = std::get_if<ToolUseDelta>(&delta)) {
    if (kind_ == Kind::tool) write_delta(out, R"("input_json_delta","partial_json":)", piece->json);
  } else if (const auto* stop = std::get_if<Stop>(&delta)) {
    open_message(out);
    close_block(out);
    stop_ = *stop;
  } else {
    usage_ = std::get<Usage>(delta);
  }
}

void AnthropicStreamWriter::finish(std::string& out, const Timing& timing) {
  begin_payload("message_delta");
  payload_ += R"(,"delta":{)";
  append_stop(payload_, stop_.reason, stop_.sequence);
  payload_ += R"(},"usage":)";
  append_usage(payload_, usage_);
  payload_ += '}';
  framing_.append(out, "message_delta", payload_);
  begin_payload("message_stop");
  if (framing_.is_invocation()) append_invocation_metrics(payload_, usage_, timing);
  payload_ += '}';
  framing_.append(out, "message_stop", payload_);
}

}  // namespace tidegate::chat
