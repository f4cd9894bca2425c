#include "catalog/lifecycle.hpp"

#include <fmt/format.h>

#include "aws/sigv4.hpp"
#include "catalog/members.hpp"

namespace tidegate::catalog {
namespace {

Result<std::optional<WallTime>> read_time(const json::value& value, std::string_view where) {
  const auto time = value.is_string() ? aws::parse_iso8601(value.get_string()) : std::nullopt;
  if (!time) return wrong(where, "must be a time like 2027-03-01T00:00:00Z");
  return time;
}

// Of the model, in the profile's geography, if there is such a profile.
std::string successor_of(const Profile& profile, const Model& model,
                         const std::map<std::string, Profile, std::less<>>& profiles) {
  std::string id = fmt::format("{}.{}", profile.geography, model.lifecycle.successor);
  return profiles.contains(id) ? id : std::string();
}

Result<void> settle(Profile& profile, const Model& model,
                    const std::map<std::string, Profile, std::less<>>& profiles) {
  Lifecycle& own = profile.lifecycle;
  const std::string where = fmt::format("profile {}: lifecycle", profile.id);
  if (!own.successor.empty() && !profiles.contains(own.successor)) {
    return wrong(where, fmt::format("the successor \"{}\" is not a profile", own.successor));
  }
  if (!own.legacy && !own.end_of_life && own.successor.empty()) {
    own = model.lifecycle;
    own.successor = successor_of(profile, model, profiles);
    return {};
  }
  if (!own.end_of_life) own.end_of_life = model.lifecycle.end_of_life;
  if (!own.legacy) own.legacy = model.lifecycle.legacy;
  if (model.lifecycle.end_of_life && *own.end_of_life > *model.lifecycle.end_of_life) {
    return wrong(where, "it would be served longer than its model");
  }
  return {};
}

}  // namespace

Result<Lifecycle> read_lifecycle(const json::value& value, const std::string& where) {
  if (!value.is_object() || value.get_object().empty()) {
    return wrong(where, "must be an object that is not empty");
  }
  Lifecycle out;
  for (const auto& member : value.get_object()) {
    const std::string_view name = member.key();
    const std::string at = fmt::format("{}.{}", where, name);
    if (name == "legacy") {
      TRY(out.legacy, read_time(member.value(), at));
    } else if (name == "endOfLife") {
      TRY(out.end_of_life, read_time(member.value(), at));
    } else if (name == "successor") {
      if (!member.value().is_string() || member.value().get_string().empty()) {
        return wrong(at, "must be an id");
      }
      out.successor = member.value().get_string();
    } else {
      return wrong(at, "is not a member that this version knows");
    }
  }
  if (out.legacy && out.end_of_life && *out.end_of_life < *out.legacy) {
    return wrong(where, "\"endOfLife\" comes before \"legacy\"");
  }
  return out;
}

Result<void> settle_lifecycles(const std::map<std::string, Model, std::less<>>& models,
                               std::map<std::string, Profile, std::less<>>& profiles) {
  for (const auto& [id, model] : models) {
    const std::string& successor = model.lifecycle.successor;
    if (!successor.empty() && !models.contains(successor)) {
      return wrong(fmt::format("model {}: lifecycle", id),
                   fmt::format("the successor \"{}\" is not a model", successor));
    }
  }
  for (auto& [id, profile] : profiles) {
    TRY_VOID(settle(profile, models.find(profile.model_id)->second, profiles));
  }
  return {};
}

}  // namespace tidegate::catalog
