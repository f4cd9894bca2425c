// Answers in Converse's words, whole and streamed. Both are written by hand rather than through a
// document: the order of the members is AWS's, and a streamed token should cost no more than its
// copy.
#include "aws/event_stream.hpp"
#include "chat/converse.hpp"

namespace tidegate::chat {
namespace {

void append_count(std::string& out, std::string_view name, std::int64_t count) {
  out += name;
  json::append_number(out, count);
}

void append_usage(std::string& out, const Usage& usage) {
  out += '{';
  if (usage.cache_read_tokens > 0) {
    append_count(out, R"("cacheReadInputTokens":)", usage.cache_read_tokens);
    out += ',';
  }
  if (usage.cache_write_tokens > 0) {
    append_count(out, R"("cacheWriteInputTokens":)", usage.cache_write_tokens);
    out += ',';
  }
  append_count(out, R"("inputTokens":)", usage.input_tokens);
  append_count(out, R"(,"outputTokens":)", usage.output_tokens);
  append_count(out, R"(,"totalTokens":)", usage.total());
  out += '}';
}

void append_echo(std::string& out, Echo echo) {
  if (echo.performance_config) out += R"(,"performanceConfig":{"latency":"standard"})";
  if (echo.service_tier) out += R"(,"serviceTier":{"type":"default"})";
}

void append_additional(std::string& out, const json::object& additional) {
  if (additional.empty()) return;
  out += R"("additionalModelResponseFields":)";
  out += boost::json::serialize(additional);
  out += ',';
}

void append_block(std::string& out, const Block& block) {
  if (const auto* text = std::get_if<Text>(&block)) {
    out += R"({"text":)";
    json::append_quoted(out, text->text);
    out += '}';
  } else if (const auto* reasoning = std::get_if<Reasoning>(&block)) {
    out += R"({"reasoningContent":{"reasoningText":{)";
    if (!reasoning->signature.empty()) {
      out += R"("signature":)";
      json::append_quoted(out, reasoning->signature);
      out += ',';
    }
    out += R"("text":)";
    json::append_quoted(out, reasoning->text);
    out += "}}}";
  } else if (const auto* use = std::get_if<ToolUse>(&block)) {
    out += R"({"toolUse":{"input":)";
    out += json::serialize(use->input);
    out += R"(,"name":)";
    json::append_quoted(out, use->name);
    out += R"(,"toolUseId":)";
    json::append_quoted(out, use->id);
    out += "}}";
  }
}

std::size_t size_of(const Completion& completion) {
  constexpr std::size_t around = 384;  // an answer without its blocks
  std::size_t out = around;
  for (const Block& block : completion.blocks) {
    if (const auto* text = std::get_if<Text>(&block))
      out += text->text.size() + text->text.size() / 16;
    if (const auto* text = std::get_if<Reasoning>(&block)) out += text->text.size() + around;
  }
  return out;
}

}  // namespace

std::string converse_answer(const Completion& completion, Duration latency, Echo echo) {
  std::string out;
  out.reserve(size_of(completion));
  out += '{';
  append_additional(out, completion.additional);
  append_count(out, R"("metrics":{"latencyMs":)", millis(latency));
  out += R"(},"output":{"message":{"content":[)";
  bool first = true;
  for (const Block& block : completion.blocks) {
    if (!std::exchange(first, false)) out += ',';
    append_block(out, block);
  }
  out += R"(],"role":"assistant"}})";
  append_echo(out, echo);
  out += R"(,"stopReason":")";
  out += name_of(completion.stop_reason);
  out += R"(","usage":)";
  append_usage(out, completion.usage);
  out += '}';
  return out;
}

void ConverseStreamWriter::append_padding() {
  if (!padding_) return;
  payload_ += ',';
  append_p();
}

void ConverseStreamWriter::append_p() {
  static constexpr std::string_view alphabet =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  payload_ += R"("p":")";
  payload_ += alphabet.substr(0, 1 + padding_->below(alphabet.size()));
  payload_ += '"';
}

void ConverseStreamWriter::append_index() {
  payload_.clear();
  append_count(payload_, R"({"contentBlockIndex":)", block_);
}

void ConverseStreamWriter::open_message(std::string& out) {
  if (std::exchange(begun_, true)) return;
  payload_ = "{";
  if (padding_) {
    append_p();
    payload_ += ',';
  }
  payload_ += R"("role":"assistant"})";
  aws::append_event(out, "messageStart", payload_);
}

void ConverseStreamWriter::close_block(std::string& out) {
  if (std::exchange(kind_, Kind::none) == Kind::none) return;
  append_index();
  append_padding();
  payload_ += '}';
  aws::append_event(out, "contentBlockStop", payload_);
}

void ConverseStreamWriter::enter_block(std::string& out, Kind kind) {
  open_message(out);
  if (kind_ == kind && kind != Kind::tool) return;
  close_block(out);
  kind_ = kind;
  ++block_;
}

void ConverseStreamWriter::start_tool(std::string& out, const ToolUseStart& start) {
  enter_block(out, Kind::tool);
  append_index();
  append_padding();
  payload_ += R"(,"start":{"toolUse":{"name":)";
  json::append_quoted(payload_, start.name);
  payload_ += R"(,"toolUseId":)";
  json::append_quoted(payload_, start.id);
  payload_ += "}}}";
  aws::append_event(out, "contentBlockStart", payload_);
}

void ConverseStreamWriter::write_delta(std::string& out, std::string_view before,
                                       std::string_view text, std::string_view after) {
  append_index();
  payload_ += R"(,"delta":{)";
  payload_ += before;
  json::append_quoted(payload_, text);
  payload_ += after;
  append_padding();
  payload_ += '}';
  aws::append_event(out, "contentBlockDelta", payload_);
}

void ConverseStreamWriter::stop(std::string& out, const Stop& stop) {
  open_message(out);
  close_block(out);
  stop_reason_ = stop.reason;
  payload_ = "{";
  append_additional(payload_, stop.additional);
  if (padding_) {
    append_p();
    payload_ += ',';
  }
  payload_ += R"("stopReason":")";
  payload_ += name_of(stop.reason);
  payload_ += R"("})";
  aws::append_event(out, "messageStop", payload_);
}

void ConverseStreamWriter::write(std::string& out, const Delta& delta) {
  if (const auto* text = std::get_if<TextDelta>(&delta)) {
    enter_block(out, Kind::text);
    write_delta(out, R"("text":)", text->text, "}");
  } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&delta)) {
    enter_block(out, Kind::reasoning);
    if (!reasoning->text.empty()) {
      write_delta(out, R"("reasoningContent":{"text":)", reasoning->text, "}}");
    }
    if (!reasoning->signature.empty()) {
      write_delta(out, R"("reasoningContent":{"signature":)", reasoning->signature, "}}");
    }
  } else if (const auto* start = std::get_if<ToolUseStart>(&delta)) {
    start_tool(out, *start);
  } else if (const auto* piece = std::get_if<ToolUseDelta>(&delta)) {
    if (kind_ == Kind::tool) write_delta(out, R"("toolUse":{"input":)", piece->json, "}}");
  } else if (const auto* end = std::get_if<Stop>(&delta)) {
    stop(out, *end);
  } else {
    usage_ = std::get<Usage>(delta);
  }
}

void ConverseStreamWriter::finish(std::string& out, Duration latency, Echo echo) {
  payload_.clear();
  append_count(payload_, R"({"metrics":{"latencyMs":)", millis(latency));
  payload_ += '}';
  append_padding();
  append_echo(payload_, echo);
  payload_ += R"(,"usage":)";
  append_usage(payload_, usage_);
  payload_ += '}';
  aws::append_event(out, "metadata", payload_);
}

}  // namespace tidegate::chat
