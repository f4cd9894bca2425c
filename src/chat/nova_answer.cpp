// Answers in Nova's words, whole and streamed, their members in the order of a genuine capture.
#include <fmt/format.h>

#include "chat/json_list.hpp"
#include "chat/nova.hpp"

namespace tidegate::chat {
namespace {

void append_block(std::string& out, const Block& block) {
  if (const auto* text = std::get_if<Text>(&block)) {
    append_member(out, R"({"text":)", text->text);
    out += '}';
  } else if (const auto* reasoning = std::get_if<Reasoning>(&block)) {
    append_member(out, R"({"reasoningContent":{"reasoningText":{"text":)", reasoning->text);
    out += "}}}";
  } else if (const auto* use = std::get_if<ToolUse>(&block)) {
    append_member(out, R"({"toolUse":{"name":)", use->name);
    append_member(out, R"(,"toolUseId":)", use->id);
    out += R"(,"input":)";
    out += json::serialize(use->input);
    out += "}}";
  }
}

void append_cache(std::string& out, const Usage& usage) {
  fmt::format_to(std::back_inserter(out),
                 R"("cacheReadInputTokenCount":{},"cacheWriteInputTokenCount":{})",
                 usage.cache_read_tokens, usage.cache_write_tokens);
}

}  // namespace

std::string nova_answer(const Completion& completion) {
  std::string out = R"({"output":{"message":{"content":[)";
  bool first = true;
  for (const Block& block : completion.blocks) {
    if (!std::exchange(first, false)) out += ',';
    append_block(out, block);
  }
  out += R"(],"role":"assistant"}},"stopReason":")";
  out += name_of(completion.stop_reason);
  const Usage& usage = completion.usage;
  fmt::format_to(std::back_inserter(out),
                 R"(","usage":{{"inputTokens":{},"outputTokens":{},"totalTokens":{},)",
                 usage.input_tokens, usage.output_tokens, usage.total());
  append_cache(out, usage);
  return out += "}}";
}

void NovaStreamWriter::open_message(std::string& out) {
  if (std::exchange(begun_, true)) return;
  payload_ = R"({"messageStart":{"role":"assistant"}})";
  send(out);
}

void NovaStreamWriter::close_block(std::string& out) {
  if (std::exchange(kind_, Kind::none) == Kind::none) return;
  payload_ = R"({"contentBlockStop":{"contentBlockIndex":)";
  json::append_number(payload_, block_);
  payload_ += "}}";
  send(out);
}

void NovaStreamWriter::enter_block(std::string& out, Kind kind) {
  open_message(out);
  if (kind_ == kind && kind != Kind::tool) return;
  close_block(out);
  kind_ = kind;
  ++block_;
}

void NovaStreamWriter::write_delta(std::string& out, std::string_view before, std::string_view text,
                                   std::string_view after) {
  payload_ = R"({"contentBlockDelta":{"delta":{)";
  append_member(payload_, before, text);
  payload_ += after;
  payload_ += R"(,"contentBlockIndex":)";
  json::append_number(payload_, block_);
  payload_ += "}}";
  send(out);
}

void NovaStreamWriter::write(std::string& out, const Delta& delta) {
  if (const auto* text = std::get_if<TextDelta>(&delta)) {
    enter_block(out, Kind::text);
    write_delta(out, R"("text":)", text->text, "}");
  } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&delta)) {
    if (reasoning->text.empty()) return;
    enter_block(out, Kind::reasoning);
    write_delta(out, R"("reasoningContent":{"reasoningText":{"text":)", reasoning->text, "}}}");
  } else if (const auto* start = std::get_if<ToolUseStart>(&delta)) {
    enter_block(out, Kind::tool);
    payload_.clear();
    append_member(payload_, R"({"contentBlockStart":{"start":{"toolUse":{"toolUseId":)", start->id);
    append_member(payload_, R"(,"name":)", start->name);
    payload_ += R"(}},"contentBlockIndex":)";
    json::append_number(payload_, block_);
    payload_ += "}}";
    send(out);
  } else if (const auto* piece = std::get_if<ToolUseDelta>(&delta)) {
    if (kind_ == Kind::tool) write_delta(out, R"("toolUse":{"input":)", piece->json, "}}");
  } else if (const auto* stop = std::get_if<Stop>(&delta)) {
    open_message(out);
    close_block(out);
    stop_reason_ = stop->reason;
    payload_ = R"({"messageStop":{"stopReason":")";
    payload_ += name_of(stop->reason);
    payload_ += R"("}})";
    send(out);
  } else {
    usage_ = std::get<Usage>(delta);
  }
}

void NovaStreamWriter::finish(std::string& out, const Timing& timing) {
  payload_ = fmt::format(R"({{"metadata":{{"usage":{{"inputTokens":{},"outputTokens":{},)",
                         usage_.input_tokens, usage_.output_tokens);
  append_cache(payload_, usage_);
  payload_ += R"(},"metrics":{},"trace":{}})";
  append_invocation_metrics(payload_, usage_, timing);
  payload_ += '}';
  send(out);
}

}  // namespace tidegate::chat
