#include "chat/converse_additional.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace tidegate::chat {
namespace {

// RFC 6901, section 3.
std::string pointer_token(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

struct Violations {
  std::size_t count = 0;
  std::string first;
};

void find_extraneous(const json::object& object, const std::string& at,
                     const AdditionalFields& fields, Violations& found) {
  for (const auto& member : object) {
    const std::string pointer = at + '/' + pointer_token(member.key());
    if (std::ranges::find(fields.allowed, pointer) != fields.allowed.end()) continue;
    const bool inside = std::ranges::any_of(
        fields.allowed, [&](const std::string& p) { return p.starts_with(pointer + '/'); });
    if (inside && member.value().is_object()) {
      find_extraneous(member.value().get_object(), pointer, fields, found);
    } else if (found.count++ == 0) {
      found.first = fmt::format("#{}: extraneous key [{}] is not permitted", at,
                                std::string_view(member.key()));
    }
  }
}

std::unexpected<Error> malformed(std::string_view what, std::string mend = {}) {
  return invalid(
      fmt::format("Malformed input request: {}, please reformat your input and try again.", what),
      std::move(mend));
}

Result<void> take_top_k(json::object& from, std::string_view key, std::string_view at,
                        std::optional<std::int64_t>& top_k) {
  const json::value* v = json::find(from, key);
  if (!v) return {};
  const std::int64_t* number = v->if_int64();
  if (!number || *number < 0) {
    return malformed(fmt::format("{}/{}: expected a whole number that is not negative", at, key));
  }
  if (top_k) return malformed(fmt::format("{}/{}: top-k is set twice", at, key));
  top_k = *number;
  from.erase(key);
  return {};
}

// Claude's "thinking" and Nova's "reasoningConfig": {"type":"enabled"}, the latter with an effort.
Result<void> take_thinking(json::object& from, std::string_view key, Sampling& sampling) {
  const json::object* config = json::find_object(from, key);
  if (!config) return {};
  const auto type = json::find_string(*config, "type");
  if (!type) return malformed(fmt::format("#/{}: required key [type] not found", key));
  if (sampling.thinking) return malformed(fmt::format("#/{}: reasoning is configured twice", key));
  sampling.thinking = *type != "disabled";
  if (const auto budget = json::find_int(*config, "budget_tokens")) {
    sampling.thinking_budget = *budget;
  }
  if (const auto effort = json::find_string(*config, "maxReasoningEffort");
      effort && sampling.effort.empty()) {
    sampling.effort = *effort;
  }
  from.erase(key);
  return {};
}

}  // namespace

Result<void> read_additional(const Member& member, const AdditionalFields& fields,
                             Conversation& conversation) {
  const json::object* given = member.value().if_object();
  if (!given) return malformed("#: expected type: JSONObject");
  if (!fields.pass_all) {
    Violations found;
    find_extraneous(*given, {}, fields, found);
    const std::string mend =
        fields.allowed.empty()
            ? "The model that runs here takes no additional fields."
            : fmt::format("The model that runs here takes {}.", fmt::join(fields.allowed, ", "));
    if (found.count == 1) return malformed(found.first, mend);
    if (found.count > 1) {
      return malformed(fmt::format("{} schema violations found", found.count),
                       fmt::format("The first: {}. {}", found.first, mend));
    }
  }
  json::object& kept = conversation.additional;
  kept = json::object(*given, boost::json::storage_ptr{});
  std::optional<std::int64_t>& top_k = conversation.sampling.top_k;
  TRY_VOID(take_top_k(kept, "top_k", "#", top_k));
  TRY_VOID(take_top_k(kept, "topK", "#", top_k));
  if (auto* config = kept.if_contains("inferenceConfig"); config && config->is_object()) {
    TRY_VOID(take_top_k(config->get_object(), "topK", "#/inferenceConfig", top_k));
    if (config->get_object().empty()) kept.erase("inferenceConfig");
  }
  TRY_VOID(take_thinking(kept, "thinking", conversation.sampling));
  TRY_VOID(take_thinking(kept, "reasoningConfig", conversation.sampling));
  return {};
}

}  // namespace tidegate::chat
