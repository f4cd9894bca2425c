// A messages-v1 body differs from Converse's in a handful of names: they are given Converse's in
// place, and Converse's reader does the rest.
#include "chat/converse_formats.hpp"
#include "chat/field.hpp"
#include "chat/nova.hpp"

namespace tidegate::chat {
namespace {

constexpr std::int64_t top_k_max = 128;

// Gives `from` the name `to`. Errors: both are there.
Result<void> rename(const Field& config, json::object& members, std::string_view from,
                    std::string_view to) {
  json::value* value = members.if_contains(from);
  if (!value) return {};
  if (members.contains(to)) {
    return config.refuse(fmt::format("only one of [{}] and [{}] may be set", to, from));
  }
  json::value taken = std::move(*value);
  members.erase(from);
  members.emplace(to, std::move(taken));
  return {};
}

Result<void> take_reasoning(const Field& reasoning, Sampling& out) {
  TRY_VOID(reasoning.only({"type", "maxReasoningEffort"}));
  TRY(const Field type, reasoning.required("type"));
  TRY(const std::string_view kind, type.one_of({"enabled", "disabled"}));
  out.thinking = kind == "enabled";
  const auto effort = reasoning.child("maxReasoningEffort");
  if (!effort) return {};
  TRY(const std::string_view word, effort->one_of({"low", "medium", "high"}));
  if (out.thinking == true) out.effort = word;
  return {};
}

// What is in Nova's inferenceConfig and not in Converse's goes straight into the sampling.
Result<void> take_inference_config(const Field& config, json::object& members, Sampling& out) {
  TRY_VOID(config.only({"maxTokens", "max_new_tokens", "temperature", "topP", "top_p", "topK",
                        "top_k", "stopSequences", "reasoningConfig"}));
  TRY_VOID(rename(config, members, "max_new_tokens", "maxTokens"));
  TRY_VOID(rename(config, members, "top_p", "topP"));
  TRY_VOID(rename(config, members, "top_k", "topK"));
  if (const auto top_k = config.child("topK")) {
    TRY(out.top_k, top_k->integer_from(0, top_k_max));
  }
  if (const auto reasoning = config.child("reasoningConfig")) {
    TRY_VOID(take_reasoning(*reasoning, out));
  }
  members.erase("topK");
  members.erase("reasoningConfig");
  return {};
}

}  // namespace

Result<Conversation> parse_nova(std::string_view body, const AdditionalFields& fields) {
  json::Arena arena;
  TRY(json::value document, parse_client_json(body, arena));
  const Field root(document, schema_words);
  Sampling own;
  json::object additional;
  TRY_VOID(take_additional(root,
                           {"schemaVersion", "system", "messages", "inferenceConfig", "toolConfig"},
                           fields, additional));
  if (const auto version = root.child("schemaVersion")) {
    TRY_VOID(version->one_of({"messages-v1"}));
  }
  TRY_VOID(root.required("messages"));
  json::object& members = document.get_object();
  for (const auto& member : additional) members.erase(member.key());
  if (const auto config = root.child("inferenceConfig")) {
    TRY_VOID(config->object());
    TRY_VOID(take_inference_config(*config, members.at("inferenceConfig").get_object(), own));
  }
  TRY(Conversation out, read_converse(Member(document), {}));
  out.sampling.top_k = own.top_k;
  out.sampling.thinking = own.thinking;
  out.sampling.effort = std::move(own.effort);
  out.additional = std::move(additional);
  return out;
}

}  // namespace tidegate::chat
