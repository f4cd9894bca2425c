// What model servers answer, whole and streamed. They differ from OpenAI's reference and from each
// other, so nothing is believed: a member of another type counts as absent, and only what is needed
// is looked at.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "chat/converse_blocks.hpp"
#include "chat/not_understood.hpp"
#include "chat/openai.hpp"
#include "chat/response_paths.hpp"

namespace tidegate::chat {
namespace {

std::int64_t count_of(const json::object& o, std::string_view name) {
  return std::max<std::int64_t>(json::find_int(o, name).value_or(0), 0);
}

Usage usage_of(const json::object& o) {
  Usage out;
  const std::int64_t prompt = count_of(o, "prompt_tokens");
  if (const auto* details = json::find_object(o, "prompt_tokens_details")) {
    out.cache_read_tokens = std::min(count_of(*details, "cached_tokens"), prompt);
  }
  out.input_tokens = prompt - out.cache_read_tokens;
  out.output_tokens = count_of(o, "completion_tokens");
  return out;
}

// llama.cpp and older vLLM say reasoning_content, newer vLLM and Ollama say reasoning.
std::string_view reasoning_of(const json::object& message) {
  if (const auto text = json::find_string(message, "reasoning_content")) return *text;
  return json::find_string(message, "reasoning").value_or("");
}

StopReason stop_reason_of(const json::object& choice, std::string_view finish_reason,
                          bool called_tool) {
  if (finish_reason == "length") return StopReason::max_tokens;
  if (finish_reason == "tool_calls" || finish_reason == "function_call")
    return StopReason::tool_use;
  if (finish_reason == "content_filter") return StopReason::content_filtered;
  if (called_tool) return StopReason::tool_use;  // some servers say "stop" all the same
  // vLLM names the stop string that matched; llama.cpp does not tell.
  if (json::find_string(choice, "stop_reason")) return StopReason::stop_sequence;
  return StopReason::end_turn;
}

// The server's id if Converse takes it; otherwise one made of what is known, the same for the same
// answer.
std::string tool_use_id(std::string_view given, std::string_view answer_id, std::int64_t index) {
  if (!given.empty() && given.size() <= tool_use_id_chars_max &&
      std::ranges::all_of(given, is_tool_use_id_char)) {
    return std::string(given);
  }
  const Sha256 digest = sha256(fmt::format("{}/{}/{}", answer_id, index, given));
  return "tooluse_" + to_base64url(view(digest)).substr(0, 22);
}

// {"error":{"code":500,"message":..}}; vLLM's older form has the members at the top.
const json::object* error_in(const json::object& answer) {
  if (const auto* error = json::find_object(answer, "error")) return error;
  return json::find_string(answer, "object") == "error" ? &answer : nullptr;
}

int status_in(const json::object& error) {
  const std::int64_t code = json::find_int(error, "code").value_or(0);
  return code >= 100 && code <= 599 ? static_cast<int>(code) : 0;
}

Result<void> read_tool_calls(const json::object& message, std::string_view answer_id,
                             Completion& out, bool& malformed) {
  const json::array* calls = json::find_array(message, "tool_calls");
  if (!calls) return {};
  for (std::size_t i = 0; i < calls->size(); ++i) {
    const json::object* call = (*calls)[i].if_object();
    const json::object* function = call ? json::find_object(*call, "function") : nullptr;
    const auto name = function ? json::find_string(*function, "name") : std::nullopt;
    if (!name) return not_understood("a tool call without a function name");
    ToolUse use{.id = tool_use_id(json::find_string(*call, "id").value_or(""), answer_id,
                                  static_cast<std::int64_t>(i)),
                .name = std::string(*name),
                .input = json::object()};
    const std::string_view arguments = json::find_string(*function, "arguments").value_or("");
    if (!arguments.empty()) {
      auto input = json::parse(arguments);
      malformed |= !input || !input->is_object();
      // What cannot be parsed is handed on as the text that it is; the stop reason says so.
      use.input = input ? *std::move(input) : json::value(arguments);
    }
    malformed |= !is_tool_name(*name);
    out.blocks.emplace_back(std::move(use));
  }
  return {};
}

}  // namespace

Result<Completion> parse_openai_answer(std::string_view body, std::span<const std::string> paths) {
  json::Arena arena;
  auto document = json::parse(body, arena.storage());
  if (!document) return not_understood(document.error().message);
  const json::object* answer = document->if_object();
  if (!answer) return not_understood("the answer is not a JSON object");
  if (const auto* error = error_in(*answer)) {
    return not_understood("an error in an answer of status 200", status_in(*error));
  }
  const json::array* choices = json::find_array(*answer, "choices");
  const json::object* choice =
      choices && !choices->empty() ? choices->front().if_object() : nullptr;
  const json::object* message = choice ? json::find_object(*choice, "message") : nullptr;
  if (!message) return not_understood("the answer has no choices[0].message");
  Completion out;
  if (const auto reasoning = reasoning_of(*message); !reasoning.empty()) {
    out.blocks.emplace_back(Reasoning{std::string(reasoning)});
  }
  if (const auto text = json::find_string(*message, "content"); text && !text->empty()) {
    out.blocks.emplace_back(Text{std::string(*text)});
  }
  const std::size_t before_tools = out.blocks.size();
  bool malformed = false;
  const std::string_view id = json::find_string(*answer, "id").value_or("");
  TRY_VOID(read_tool_calls(*message, id, out, malformed));
  out.stop_reason =
      stop_reason_of(*choice, json::find_string(*choice, "finish_reason").value_or(""),
                     out.blocks.size() > before_tools);
  // A call that the limit cut off is explained by that.
  if (malformed && out.stop_reason != StopReason::max_tokens)
    out.stop_reason = StopReason::malformed_tool_use;
  if (out.stop_reason == StopReason::stop_sequence) {
    out.stop_sequence = json::find_string(*choice, "stop_reason").value_or("");
  }
  collect(*document, paths, out.additional);
  if (const auto* usage = json::find_object(*answer, "usage")) out.usage = usage_of(*usage);
  return out;
}

Result<void> OpenAiStreamReader::feed(std::string_view bytes, std::vector<Delta>& out) {
  return events_.feed(bytes, [&](std::string_view data) { return on_event(data, out); });
}

Result<void> OpenAiStreamReader::finish(std::vector<Delta>& out) {
  TRY_VOID(events_.finish([&](std::string_view data) { return on_event(data, out); }));
  if (stopped_) return {};
  if (!done_) return broken_stream("the stream ended before the answer did");
  stopped_ = true;
  out.emplace_back(Stop{tool_index_ >= 0 ? StopReason::tool_use : StopReason::end_turn});
  return {};
}

Result<void> OpenAiStreamReader::on_event(std::string_view data, std::vector<Delta>& out) {
  if (done_) return {};
  if (data == "[DONE]") {
    done_ = true;
    return {};
  }
  unsigned char memory[4096];  // an event of the usual size is parsed without the heap
  boost::json::monotonic_resource resource(memory, sizeof memory);
  parser_.reset(&resource);
  boost::system::error_code failed;
  parser_.write(data.data(), data.size(), failed);
  if (failed) return broken_stream("an event that is not JSON");
  const json::value value = parser_.release();
  const json::object* chunk = value.if_object();
  if (!chunk) return broken_stream("an event that is not a JSON object");
  if (const auto* error = error_in(*chunk)) {
    error_event_ = data;
    return broken_stream("an error inside the stream", status_in(*error));
  }
  const json::array* choices = json::find_array(*chunk, "choices");
  if (choices && !choices->empty()) {
    if (const json::object* choice = choices->front().if_object()) {
      TRY_VOID(on_choice(value, *choice, out));
    }
  }
  if (const auto* usage = json::find_object(*chunk, "usage")) out.emplace_back(usage_of(*usage));
  return {};
}

Result<void> OpenAiStreamReader::on_choice(const json::value& chunk, const json::object& choice,
                                           std::vector<Delta>& out) {
  if (stopped_) return {};
  if (const json::object* delta = json::find_object(choice, "delta")) {
    if (const auto reasoning = reasoning_of(*delta); !reasoning.empty()) {
      out.emplace_back(ReasoningDelta{std::string(reasoning)});
    }
    if (const auto text = json::find_string(*delta, "content"); text && !text->empty()) {
      out.emplace_back(TextDelta{std::string(*text)});
    }
    if (const json::array* calls = json::find_array(*delta, "tool_calls")) {
      const auto answer_id = json::find_string(chunk.get_object(), "id").value_or("");
      for (const json::value& call : *calls) {
        if (!call.is_object()) return broken_stream("a tool call of another type");
        TRY_VOID(on_tool_call(call.get_object(), answer_id, out));
      }
    }
  }
  if (const auto reason = json::find_string(choice, "finish_reason")) {
    stopped_ = true;
    Stop stop{stop_reason_of(choice, *reason, tool_index_ >= 0)};
    if (stop.reason == StopReason::stop_sequence) {
      stop.sequence = json::find_string(choice, "stop_reason").value_or("");
    }
    collect(chunk, paths_, stop.additional);
    out.emplace_back(std::move(stop));
  }
  return {};
}

// A call begins where the index or the id changes; its arguments follow in pieces. Converse cannot
// go back to a block that has ended, so neither may the server.
Result<void> OpenAiStreamReader::on_tool_call(const json::object& call, std::string_view answer_id,
                                              std::vector<Delta>& out) {
  const std::int64_t index =
      json::find_int(call, "index").value_or(std::max<std::int64_t>(tool_index_, 0));
  const std::string_view id = json::find_string(call, "id").value_or("");
  const json::object* function = json::find_object(call, "function");
  if (index < tool_index_) {
    return broken_stream("the stream went back to an earlier tool call");
  }
  if (index > tool_index_ || (!id.empty() && id != tool_id_)) {
    const auto name = function ? json::find_string(*function, "name") : std::nullopt;
    if (!name) return broken_stream("a tool call without a function name");
    tool_index_ = index;
    tool_id_ = id;
    out.emplace_back(ToolUseStart{tool_use_id(id, answer_id, index), std::string(*name)});
  }
  const auto piece = function ? json::find_string(*function, "arguments") : std::nullopt;
  if (piece && !piece->empty()) out.emplace_back(ToolUseDelta{std::string(*piece)});
  return {};
}

}  // namespace tidegate::chat
