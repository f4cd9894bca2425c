// Answers in OpenAI's words, whole and streamed, their members in the order of the real ones.
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "chat/embedding_text.hpp"
#include "chat/json_list.hpp"
#include "chat/openai_door.hpp"

namespace tidegate::chat {
namespace {

std::string_view finish_reason_of(StopReason reason) {
  switch (reason) {
    case StopReason::end_turn:
    case StopReason::stop_sequence:
      return "stop";
    case StopReason::max_tokens:
    case StopReason::context_window_exceeded:
      return "length";
    case StopReason::tool_use:
    case StopReason::malformed_tool_use:
      return "tool_calls";
    case StopReason::content_filtered:
      return "content_filter";
  }
  return "stop";
}

// Here the prompt counts whole, with what came from the cache.
void append_usage(std::string& out, const Usage& usage) {
  const std::int64_t prompt =
      usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens;
  fmt::format_to(std::back_inserter(out),
                 R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                 R"("prompt_tokens_details":{{"cached_tokens":{}}}}})",
                 prompt, usage.output_tokens, prompt + usage.output_tokens,
                 usage.cache_read_tokens);
}

void append_call(std::string& out, const ToolUse& use) {
  append_member(out, R"({"id":)", use.id);
  append_member(out, R"(,"type":"function","function":{"name":)", use.name);
  append_member(
      out, R"(,"arguments":)",
      use.input.is_string() ? std::string(use.input.get_string()) : json::serialize(use.input));
  out += "}}";
}

// Texts and reasoning are one string each; calls are a list.
void append_message(std::string& out, const Completion& completion) {
  std::string text, reasoning, calls;
  for (const Block& block : completion.blocks) {
    if (const auto* said = std::get_if<Text>(&block)) text += said->text;
    if (const auto* thought = std::get_if<Reasoning>(&block)) reasoning += thought->text;
    if (const auto* use = std::get_if<ToolUse>(&block)) {
      if (!calls.empty()) calls += ',';
      append_call(calls, *use);
    }
  }
  out += R"({"role":"assistant","content":)";
  if (text.empty() && !calls.empty()) {
    out += "null";
  } else {
    json::append_quoted(out, text);
  }
  if (!reasoning.empty()) append_member(out, R"(,"reasoning_content":)", reasoning);
  if (!calls.empty()) out.append(R"(,"tool_calls":[)").append(calls).append("]");
  out += R"(,"refusal":null,"annotations":[]})";
}

void append_head(std::string& out, const ChatName& name, std::string_view object) {
  append_member(out, R"({"id":)", name.id);
  append_member(out, R"(,"object":)", object);
  fmt::format_to(std::back_inserter(out), R"(,"created":{})", name.created);
  append_member(out, R"(,"model":)", name.model);
}

void append_event(std::string& out, std::string_view head, std::string_view rest) {
  out.append("data: ").append(head).append(rest).append("\n\n");
}

}  // namespace

std::string chat_completion_id(std::string_view request_id) {
  return "chatcmpl-" + to_hex(sha256(request_id)).substr(0, 32);
}

std::string chat_completion(const Completion& completion, const ChatName& name) {
  std::string out;
  append_head(out, name, "chat.completion");
  out += R"(,"choices":[{"index":0,"message":)";
  append_message(out, completion);
  out += R"(,"logprobs":null,"finish_reason":")";
  out += finish_reason_of(completion.stop_reason);
  out += R"("}],"usage":)";
  append_usage(out, completion.usage);
  out += R"(,"service_tier":"default","system_fingerprint":null})";
  return out;
}

ChatStreamWriter::ChatStreamWriter(const ChatName& name, bool include_usage)
    : include_usage_(include_usage) {
  append_head(head_, name, "chat.completion.chunk");
  head_ += R"(,"service_tier":"default","system_fingerprint":null,"choices":[)";
}

void ChatStreamWriter::write_chunk(std::string& out, std::string_view delta,
                                   std::string_view finish_reason) {
  out.append("data: ").append(head_).append(R"({"index":0,"delta":{)").append(delta);
  out.append(R"(},"logprobs":null,"finish_reason":)").append(finish_reason);
  out.append(include_usage_ ? R"(}],"usage":null})" : "}]}").append("\n\n");
}

void ChatStreamWriter::begin(std::string& out) {
  if (std::exchange(begun_, true)) return;
  write_chunk(out, R"("role":"assistant","content":"","refusal":null)", "null");
}

void ChatStreamWriter::write(std::string& out, const Delta& delta) {
  if (const auto* usage = std::get_if<Usage>(&delta)) {
    usage_ = *usage;
    return;
  }
  begin(out);
  delta_.clear();
  if (const auto* text = std::get_if<TextDelta>(&delta)) {
    append_member(delta_, R"("content":)", text->text);
  } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&delta)) {
    if (reasoning->text.empty()) return;
    append_member(delta_, R"("reasoning_content":)", reasoning->text);
  } else if (const auto* start = std::get_if<ToolUseStart>(&delta)) {
    fmt::format_to(std::back_inserter(delta_), R"("tool_calls":[{{"index":{},"id":)", ++tool_);
    json::append_quoted(delta_, start->id);
    append_member(delta_, R"(,"type":"function","function":{"name":)", start->name);
    delta_ += R"(,"arguments":""}}])";
  } else if (const auto* piece = std::get_if<ToolUseDelta>(&delta)) {
    if (tool_ < 0) return;
    fmt::format_to(std::back_inserter(delta_),
                   R"("tool_calls":[{{"index":{},"function":{{"arguments":)", tool_);
    json::append_quoted(delta_, piece->json);
    delta_ += "}}]";
  } else if (const auto* stop = std::get_if<Stop>(&delta)) {
    stop_reason_ = stop->reason;
    std::string quoted = "\"";
    quoted.append(finish_reason_of(stop->reason)).append("\"");
    write_chunk(out, {}, quoted);
    return;
  }
  write_chunk(out, delta_, "null");
}

void ChatStreamWriter::finish(std::string& out) {
  if (include_usage_) {
    std::string rest = R"(],"usage":)";
    append_usage(rest, usage_);
    rest += '}';
    append_event(out, head_, rest);
  }
  append_event(out, "[DONE]", {});
}

std::string embeddings_answer(const Embeddings& embeddings, const EmbeddingsRequest& request) {
  std::string out = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < embeddings.vectors.size(); ++i) {
    if (i > 0) out += ',';
    fmt::format_to(std::back_inserter(out), R"({{"object":"embedding","index":{},"embedding":)", i);
    if (request.encoding == EmbeddingEncoding::base64) {
      out.append("\"").append(to_base64(packed_floats(embeddings.vectors[i]))).append("\"");
    } else {
      append_vector(out, embeddings.vectors[i]);
    }
    out += '}';
  }
  append_member(out, R"(],"model":)", request.model);
  fmt::format_to(std::back_inserter(out),
                 R"(,"usage":{{"prompt_tokens":{0},"total_tokens":{0}}}}})",
                 embeddings.input_tokens);
  return out;
}

std::string model_object(const ListedModel& model) {
  std::string out;
  append_member(out, R"({"id":)", model.id);
  fmt::format_to(std::back_inserter(out), R"(,"object":"model","created":{})", model.created);
  append_member(out, R"(,"owned_by":)", model.owned_by);
  out += '}';
  return out;
}

std::string model_list(std::span<const ListedModel> models) {
  std::string out = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (i > 0) out += ',';
    out += model_object(models[i]);
  }
  out += "]}";
  return out;
}

}  // namespace tidegate::chat
