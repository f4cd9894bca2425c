// The bodies of OpenAI's API, checked member by member. What a model server that speaks this API
// takes goes through as it is; what nobody here can keep a promise about is refused by name.
#include <fmt/format.h>

#include <limits>

#include "chat/converse_formats.hpp"
#include "chat/openai_door.hpp"
#include "chat/openai_door_messages.hpp"

namespace tidegate::chat {
namespace {

constexpr std::size_t stops_max = 4, tools_max = 128, inputs_max = 2048;
constexpr std::size_t metadata_pairs_max = 16, metadata_value_max = 512;

std::unexpected<Error> unsupported(const Field& at, std::string mend) {
  return at.refuse(fmt::format("Unsupported parameter: '{}' is not supported with this model.",
                               at.path(Field::Style::brackets)),
                   std::move(mend));
}

// What may only have the value that changes nothing.
Result<void> check_unsupported(const Field& root) {
  struct Row {
    std::string_view name;
    std::string_view harmless;  // as JSON
    std::string_view mend;
  };
  static constexpr Row rows[] = {
      {"n", "1", "Send one request for each answer."},
      {"logprobs", "false", "Leave it out: no model here tells probabilities."},
      {"top_logprobs", "0", "Leave it out: no model here tells probabilities."},
      {"modalities", R"(["text"])", "Ask for text."},
      {"store", "false", "Nothing is stored here."},
      {"audio", "null", "Ask for text."},
      {"prediction", "null", "Leave it out."},
      {"web_search_options", "null", "Declare a tool and search at the client."},
      {"functions", "[]", "Use tools."},
      {"function_call", "null", "Use tool_choice."},
      {"verbosity", R"("medium")", "Say in a message how long the answer should be."},
  };
  for (const Row& row : rows) {
    const auto member = root.child(row.name);
    if (member && json::serialize(member->value()) != row.harmless) {
      return unsupported(*member, std::string(row.mend));
    }
  }
  return {};
}

Result<void> read_stop(const Field& root, Sampling& out) {
  const auto stop = root.child("stop");
  if (!stop) return {};
  if (stop->value().is_string()) {
    out.stop_sequences.emplace_back(stop->value().get_string());
    return {};
  }
  TRY(const json::array* sequences, stop->array_of_length(0, stops_max));
  for (std::size_t i = 0; i < sequences->size(); ++i) {
    TRY(const std::string_view text,
        Field((*sequences)[i], *stop, i).string_of_length(1, SIZE_MAX));
    out.stop_sequences.emplace_back(text);
  }
  return {};
}

Result<void> read_effort(const Field& root, Sampling& out) {
  const auto effort = root.child("reasoning_effort");
  if (!effort) return {};
  TRY(const std::string_view word,
      effort->one_of({"none", "minimal", "low", "medium", "high", "xhigh"}));
  if (word == "none") {
    out.thinking = false;
  } else {
    out.effort = word;
  }
  return {};
}

Result<void> read_sampling(const Field& root, Sampling& out) {
  const auto old_limit = root.child("max_tokens");
  const auto limit = root.child("max_completion_tokens");
  if (old_limit && limit) {
    return old_limit->refuse(
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
  }
  if (old_limit || limit) {
    TRY(out.max_tokens, (limit ? limit : old_limit)->integer_from(1, INT32_MAX));
  }
  if (const auto member = root.child("temperature")) {
    TRY(out.temperature, member->number_from(0, 2));
  }
  if (const auto member = root.child("top_p")) {
    TRY(out.top_p, member->number_from(0, 1));
  }
  TRY_VOID(read_stop(root, out));
  return read_effort(root, out);
}

// What model servers take under the same name, checked and passed on.
Result<void> read_passed_on(const Field& root, json::object& out) {
  for (const std::string_view name : {"frequency_penalty", "presence_penalty"}) {
    if (const auto member = root.child(name)) {
      TRY_VOID(member->number_from(-2, 2));
      out[name] = member->value();
    }
  }
  if (const auto seed = root.child("seed")) {
    TRY_VOID(seed->integer());
    out["seed"] = seed->value();
  }
  if (const auto bias = root.child("logit_bias")) {
    TRY(const json::object* pairs, bias->object());
    for (const auto& pair : *pairs) {
      TRY_VOID(Field(pair.value(), *bias, pair.key()).number_from(-100, 100));
    }
    if (!pairs->empty()) out["logit_bias"] = bias->value();
  }
  return {};
}

Result<Tool> read_tool(const Field& element) {
  TRY(const Field type, element.required("type"));
  TRY(const std::string_view kind, type.string());
  if (kind == "custom") {
    return type.refuse(
        "Unsupported value: 'custom' is not supported with this model. Supported values are: "
        "'function'.");
  }
  TRY_VOID(type.one_of({"function"}));
  TRY_VOID(element.only({"type", "function"}));
  TRY(const Field function, element.required("function"));
  TRY_VOID(function.only({"name", "description", "parameters", "strict"}));
  Tool out{.name = {}, .description = {}, .schema = {}};
  TRY(out.name, read_function_name(function));
  if (const auto description = function.child("description")) {
    TRY(out.description, description->string());
  }
  if (const auto parameters = function.child("parameters")) {
    TRY_VOID(parameters->object());
    out.schema = json::value(parameters->value(), {});
  } else {
    out.schema = json::object{{"type", "object"}, {"properties", json::object()}};
  }
  if (const auto strict = function.child("strict")) {
    TRY(out.strict, strict->boolean());
  }
  return out;
}

Result<ToolChoice> read_tool_choice(const Field& member, const std::vector<Tool>& tools) {
  ToolChoice out;
  if (member.value().is_string()) {
    TRY(const std::string_view word, member.one_of({"none", "auto", "required"}));
    if (word == "none") out.kind = ToolChoice::Kind::none;
    if (word == "required") out.kind = ToolChoice::Kind::any;
    return out;
  }
  TRY(const Field type, member.required("type"));
  TRY_VOID(type.one_of({"function"}));
  TRY(const Field function, member.required("function"));
  out.kind = ToolChoice::Kind::tool;
  TRY(out.name, read_function_name(function));
  if (std::ranges::find(tools, out.name, &Tool::name) == tools.end()) {
    return member.refuse(fmt::format("Tool choice '{}' not found in 'tools' parameter.", out.name));
  }
  return out;
}

Result<void> read_tools(const Field& root, Conversation& out) {
  if (const auto member = root.child("tools")) {
    TRY(const json::array* elements, member->array_of_length(1, tools_max));
    for (std::size_t i = 0; i < elements->size(); ++i) {
      TRY(Tool tool, read_tool(Field((*elements)[i], *member, i)));
      out.tools.push_back(std::move(tool));
    }
  }
  for (const std::string_view name : {"tool_choice", "parallel_tool_calls"}) {
    const auto member = root.child(name);
    if (member && out.tools.empty()) {
      return member->refuse(fmt::format(
          "Invalid value for '{0}': '{0}' is only allowed when 'tools' are specified.", name));
    }
  }
  if (const auto member = root.child("tool_choice")) {
    TRY(out.tool_choice, read_tool_choice(*member, out.tools));
  }
  if (const auto member = root.child("parallel_tool_calls")) {
    TRY(const bool parallel, member->boolean());
    if (!out.tool_choice) out.tool_choice.emplace();
    out.tool_choice->parallel = parallel;
  }
  return {};
}

Result<void> read_response_format(const Field& root, Conversation& out) {
  const auto format = root.child("response_format");
  if (!format) return {};
  TRY(const Field type, format->required("type"));
  TRY(const std::string_view kind, type.one_of({"text", "json_object", "json_schema"}));
  TRY_VOID(format->only({"type", "json_schema"}));
  if (kind == "text") return {};
  OutputSchema& schema = out.output_schema.emplace();
  if (kind == "json_object") {
    schema.schema = json::object{{"type", "object"}};
    return {};
  }
  TRY(const Field given, format->required("json_schema"));
  TRY_VOID(given.only({"name", "description", "schema", "strict"}));
  TRY(schema.name, read_function_name(given));
  if (const auto description = given.child("description")) {
    TRY(schema.description, description->string());
  }
  if (const auto strict = given.child("strict")) TRY_VOID(strict->boolean());
  TRY(const Field body, given.required("schema"));
  TRY_VOID(body.object());
  schema.schema = json::value(body.value(), {});
  return {};
}

Result<void> read_metadata(const Field& root, json::object& out) {
  const auto member = root.child("metadata");
  if (!member) return {};
  TRY(const json::object* pairs, member->object());
  if (pairs->size() > metadata_pairs_max) {
    return member->refuse(fmt::format(
        "Invalid 'metadata': too many properties. Expected an object with at most {} properties, "
        "but got an object with {} properties instead.",
        metadata_pairs_max, pairs->size()));
  }
  for (const auto& pair : *pairs) {
    TRY(const std::string_view text,
        Field(pair.value(), *member, pair.key()).string_of_length(0, metadata_value_max));
    out[pair.key()] = text;
  }
  return {};
}

Result<void> read_stream(const Field& root, ChatRequest& out) {
  if (const auto stream = root.child("stream")) {
    TRY(out.stream, stream->boolean());
  }
  const auto options = root.child("stream_options");
  if (!options) return {};
  if (!out.stream) {
    return options->refuse(
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  }
  TRY_VOID(options->only({"include_usage", "include_obfuscation"}));
  if (const auto usage = options->child("include_usage")) {
    TRY(out.include_usage, usage->boolean());
  }
  return {};
}

Result<void> read_tier(const Field& root) {
  const auto tier = root.child("service_tier");
  if (!tier) return {};
  TRY(const std::string_view word, tier->one_of({"auto", "default", "flex", "scale", "priority"}));
  if (word == "auto" || word == "default") return {};
  return unsupported(*tier, "Set it to auto or leave it out.");
}

}  // namespace

Result<ChatRequest> parse_chat_completion(std::string_view body, const AdditionalFields& fields) {
  json::Arena arena;
  TRY(const json::value document, parse_client_json(body, arena));
  const Field root(document, openai_words);
  ChatRequest out;
  Conversation& conversation = out.conversation;
  TRY_VOID(take_additional(root,
                           {"audio",
                            "frequency_penalty",
                            "function_call",
                            "functions",
                            "logit_bias",
                            "logprobs",
                            "max_completion_tokens",
                            "max_tokens",
                            "messages",
                            "metadata",
                            "modalities",
                            "model",
                            "n",
                            "parallel_tool_calls",
                            "prediction",
                            "presence_penalty",
                            "prompt_cache_key",
                            "prompt_cache_retention",
                            "reasoning_effort",
                            "response_format",
                            "safety_identifier",
                            "seed",
                            "service_tier",
                            "stop",
                            "store",
                            "stream",
                            "stream_options",
                            "temperature",
                            "tool_choice",
                            "tools",
                            "top_logprobs",
                            "top_p",
                            "user",
                            "verbosity",
                            "web_search_options"},
                           fields, conversation.additional));
  TRY(const Field model, root.required("model"));
  TRY(out.model, model.string_of_length(1, 2048));
  TRY(const Field messages, root.required("messages"));
  TRY_VOID(read_chat_messages(messages, conversation.messages));
  TRY_VOID(check_unsupported(root));
  TRY_VOID(read_sampling(root, conversation.sampling));
  TRY_VOID(read_passed_on(root, conversation.additional));
  TRY_VOID(read_tools(root, conversation));
  TRY_VOID(read_response_format(root, conversation));
  TRY_VOID(read_metadata(root, conversation.request_metadata));
  TRY_VOID(read_tier(root));
  TRY_VOID(read_stream(root, out));
  return out;
}

Result<EmbeddingsRequest> parse_embeddings(std::string_view body) {
  json::Arena arena;
  TRY(const json::value document, parse_client_json(body, arena));
  const Field root(document, openai_words);
  TRY_VOID(root.only({"input", "model", "encoding_format", "dimensions", "user"}));
  EmbeddingsRequest out;
  TRY(const Field model, root.required("model"));
  TRY(out.model, model.string_of_length(1, 2048));
  if (const auto encoding = root.child("encoding_format")) {
    TRY(const std::string_view word, encoding->one_of({"float", "base64"}));
    if (word == "base64") out.encoding = EmbeddingEncoding::base64;
  }
  if (const auto dimensions = root.child("dimensions")) {
    TRY(out.order.dimensions, dimensions->integer_from(1, INT32_MAX));
  }
  TRY(const Field input, root.required("input"));
  if (input.value().is_string()) {
    TRY(const std::string_view text, input.string_of_length(1, SIZE_MAX));
    out.order.texts.emplace_back(text);
    return out;
  }
  TRY(const json::array* texts, input.array_of_length(1, inputs_max));
  for (std::size_t i = 0; i < texts->size(); ++i) {
    const Field item((*texts)[i], input, i);
    if (item.value().is_number() || item.value().is_array()) {
      return input.refuse("Invalid 'input': tokens are not supported with this model.",
                          "Send texts: the numbers of another model's tokens mean nothing here.");
    }
    TRY(const std::string_view text, item.string_of_length(1, SIZE_MAX));
    out.order.texts.emplace_back(text);
  }
  return out;
}

}  // namespace tidegate::chat
