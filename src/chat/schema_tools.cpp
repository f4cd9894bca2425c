#include "chat/schema_tools.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace tidegate::chat {
namespace {

using Kind = ToolChoice::Kind;

std::unexpected<Error> unsupported(std::string message, std::string mend) {
  return fail(Error{.code = ErrorCode::validation,
                    .origin = Origin::client,
                    .message = std::move(message),
                    .mend = std::move(mend),
                    .why = {}});
}

bool uses_tools(const Conversation& conversation) {
  return !conversation.tools.empty() &&
         !(conversation.tool_choice && conversation.tool_choice->kind == Kind::none);
}

// The tools that may be called: the one that was named, or all.
std::vector<const Tool*> callable(const Conversation& conversation) {
  std::vector<const Tool*> out;
  for (const Tool& tool : conversation.tools) {
    if (conversation.tool_choice->kind == Kind::any || tool.name == conversation.tool_choice->name)
      out.push_back(&tool);
  }
  return out;
}

// One tool: its input. Several: {"tool": name, "input": {..}}, one alternative a tool.
json::value schema_of(const std::vector<const Tool*>& tools) {
  if (tools.size() == 1) return tools.front()->schema;
  json::array alternatives;
  for (const Tool* tool : tools) {
    alternatives.push_back(json::object{
        {"type", "object"},
        {"properties",
         json::object{{"tool", json::object{{"const", tool->name}}}, {"input", tool->schema}}},
        {"required", json::array{"tool", "input"}},
        {"additionalProperties", false}});
  }
  return json::object{{"anyOf", std::move(alternatives)}};
}

std::string instruction(const std::vector<const Tool*>& tools) {
  std::string out = tools.size() == 1
                        ? "Answer with a JSON object: the input of the tool below."
                        : "Answer with a JSON object {\"tool\": name, \"input\": input} that calls "
                          "one of the tools below.";
  for (const Tool* tool : tools) {
    out += fmt::format("\n- {}: {} Input schema: {}", tool->name, tool->description,
                       json::serialize(tool->schema));
  }
  return out;
}

void append_as_text(const ToolResult& result, std::vector<Block>& out) {
  std::string text =
      fmt::format("Result of the call {}{}:", result.tool_use_id, result.error ? ", an error" : "");
  for (const auto& part : result.content) {
    if (const auto* words = std::get_if<Text>(&part)) {
      text += '\n' + words->text;
    } else if (const auto* value = std::get_if<json::value>(&part)) {
      text += '\n' + json::serialize(*value);
    }
  }
  out.emplace_back(Text{std::move(text)});
  for (const auto& part : result.content) {
    if (const auto* image = std::get_if<Image>(&part)) out.emplace_back(*image);
  }
}

void tell_calls_as_text(Message& message) {
  std::vector<Block> blocks;
  blocks.reserve(message.blocks.size());
  for (Block& block : message.blocks) {
    if (const auto* use = std::get_if<ToolUse>(&block)) {
      blocks.emplace_back(Text{fmt::format("Call {} of the tool {}: {}", use->id, use->name,
                                           json::serialize(use->input))});
    } else if (const auto* result = std::get_if<ToolResult>(&block)) {
      append_as_text(*result, blocks);
    } else {
      blocks.push_back(std::move(block));
    }
  }
  message.blocks = std::move(blocks);
}

std::string call_id(std::string_view answer_id) {
  return "tooluse_" + to_base64url(view(sha256(answer_id))).substr(0, 22);
}

struct Call {
  std::string name;
  json::value input;
  bool malformed = false;
};

// What the text calls. Servers obey the schema; one that was cut for length does not parse.
Call call_in(const Conversation& asked, std::string_view text) {
  const auto tools = callable(asked);
  auto parsed = json::parse(text);
  if (tools.size() == 1) {
    Call out{tools.front()->name, {}};
    out.malformed = !parsed || !parsed->is_object();
    out.input = out.malformed ? json::value(text) : *std::move(parsed);
    return out;
  }
  const json::object* call = parsed ? parsed->if_object() : nullptr;
  const auto name = call ? json::find_string(*call, "tool") : std::nullopt;
  const json::object* input = call ? json::find_object(*call, "input") : nullptr;
  const bool known =
      name && std::ranges::any_of(tools, [&](const Tool* t) { return t->name == *name; });
  if (!known || !input) return {tools.front()->name, json::value(text), true};
  return {std::string(*name), *input};
}

StopReason reason_of(StopReason given, bool malformed) {
  if (given == StopReason::max_tokens || given == StopReason::content_filtered) return given;
  return malformed ? StopReason::malformed_tool_use : StopReason::tool_use;
}

// The input of the only tool streams through; a choice among several is known at the end.
class SchemaToolReader final : public StreamReader {
 public:
  SchemaToolReader(const Conversation& asked, std::unique_ptr<StreamReader> inner,
                   std::string answer_id)
      : asked_(asked), inner_(std::move(inner)), answer_id_(std::move(answer_id)) {
    const auto tools = callable(asked);
    if (tools.size() == 1) only_tool_ = tools.front();
  }
  Result<void> feed(std::string_view bytes, std::vector<Delta>& out) override {
    deltas_.clear();
    auto taken = inner_->feed(bytes, deltas_);
    for (Delta& delta : deltas_) turn(std::move(delta), out);
    return taken;
  }
  Result<void> finish(std::vector<Delta>& out) override {
    deltas_.clear();
    auto taken = inner_->finish(deltas_);
    for (Delta& delta : deltas_) turn(std::move(delta), out);
    return taken;
  }
  bool done() const override { return inner_->done(); }
  const std::string& error_event() const override { return inner_->error_event(); }

 private:
  void turn(Delta delta, std::vector<Delta>& out) {
    if (auto* text = std::get_if<TextDelta>(&delta)) {
      text_ += text->text;
      if (!only_tool_) return;
      if (!std::exchange(started_, true)) {
        out.emplace_back(ToolUseStart{call_id(answer_id_), only_tool_->name});
      }
      out.emplace_back(ToolUseDelta{std::move(text->text)});
    } else if (auto* stop = std::get_if<Stop>(&delta)) {
      const Call call = call_in(asked_, text_);
      if (!started_ && !text_.empty()) {
        out.emplace_back(ToolUseStart{call_id(answer_id_), call.name});
        out.emplace_back(
            ToolUseDelta{call.malformed ? std::move(text_) : json::serialize(call.input)});
      }
      stop->reason = reason_of(stop->reason, call.malformed);
      out.push_back(std::move(delta));
    } else {
      out.push_back(std::move(delta));
    }
  }

  const Conversation& asked_;
  std::unique_ptr<StreamReader> inner_;
  std::string answer_id_;
  const Tool* only_tool_ = nullptr;
  bool started_ = false;
  std::string text_;
  std::vector<Delta> deltas_;
};

}  // namespace

Result<void> check_no_tools(const Conversation& conversation) {
  if (!uses_tools(conversation)) return {};
  return unsupported("This model doesn't support tool use.", "Remove toolConfig.");
}

Result<void> check_schema_tools(const Conversation& conversation) {
  if (!uses_tools(conversation)) return {};
  const bool forced = conversation.tool_choice && conversation.tool_choice->kind != Kind::automatic;
  if (!forced) {
    return unsupported(
        "This model doesn't support the toolConfig.toolChoice.auto field. Remove "
        "toolConfig.toolChoice.auto and try again.",
        "The model that runs here calls a tool only where toolChoice says any or tool.");
  }
  if (conversation.output_schema) {
    return unsupported("This model doesn't support tool use together with structured output.",
                       "Remove toolConfig or the output schema.");
  }
  return {};
}

Result<Conversation> with_schema_for_tools(const Conversation& conversation) {
  TRY_VOID(check_schema_tools(conversation));
  Conversation out = conversation;
  out.tools.clear();
  out.tool_choice.reset();
  for (Message& message : out.messages) tell_calls_as_text(message);
  if (!uses_tools(conversation)) return out;
  const auto tools = callable(conversation);
  out.output_schema = OutputSchema{.name = tools.size() == 1 ? tools.front()->name : "call",
                                   .description = {},
                                   .schema = schema_of(tools)};
  Text told{instruction(tools)};
  if (!out.messages.empty() && out.messages.front().role == Role::system) {
    out.messages.front().blocks.emplace_back(std::move(told));
  } else {
    out.messages.insert(out.messages.begin(), Message{Role::system, {std::move(told)}});
  }
  return out;
}

Completion with_call_from_text(const Conversation& asked, Completion answer,
                               std::string_view answer_id) {
  if (!uses_tools(asked)) return answer;
  std::string text;
  std::erase_if(answer.blocks, [&](const Block& block) {
    const auto* words = std::get_if<Text>(&block);
    if (words) text += words->text;
    return words != nullptr;
  });
  Call call = call_in(asked, text);
  answer.stop_reason = reason_of(answer.stop_reason, call.malformed);
  answer.blocks.emplace_back(
      ToolUse{call_id(answer_id), std::move(call.name), std::move(call.input)});
  return answer;
}

std::unique_ptr<StreamReader> make_schema_tool_reader(const Conversation& asked,
                                                      std::unique_ptr<StreamReader> inner,
                                                      std::string answer_id) {
  if (!uses_tools(asked)) return inner;
  return std::make_unique<SchemaToolReader>(asked, std::move(inner), std::move(answer_id));
}

}  // namespace tidegate::chat
