// The JSON form of documents:
// {"policies":[{"name","json"}],"principals":[{"arn","policies","globalGrant"}],
// "keys":[{"id","secret","principal","active"}]}. Strict both ways: an unknown member is refused,
// as in the YAML.
#include <fmt/format.h>

#include <initializer_list>

#include "config/documents.hpp"

namespace tidegate::config {
namespace {

using gateway::Documents;

Error wrong(std::string what) {
  return {.code = ErrorCode::validation,
          .origin = Origin::client,
          .message = std::move(what),
          .mend = "Send what `tidegate apply -f FILE` sends.",
          .why = {}};
}

Result<const json::object*> object_with(const json::value& value, std::string_view where,
                                        std::initializer_list<std::string_view> members) {
  const auto* object = value.if_object();
  if (!object) return fail(wrong(fmt::format("{} must be an object.", where)));
  for (const auto& member : *object) {
    if (std::find(members.begin(), members.end(), std::string_view(member.key())) ==
        members.end()) {
      return fail(wrong(
          fmt::format("{} has an unknown member \"{}\".", where, std::string_view(member.key()))));
    }
  }
  return object;
}

Result<std::string> text_of(const json::object& object, std::string_view where,
                            std::string_view name) {
  const auto text = json::find_string(object, name);
  if (!text || text->empty()) return fail(wrong(fmt::format("{}.{} must be a text.", where, name)));
  return std::string(*text);
}

Result<bool> flag_of(const json::object& object, std::string_view where, std::string_view name,
                     bool standard) {
  const auto* value = json::find(object, name);
  if (!value) return standard;
  if (!value->is_bool())
    return fail(wrong(fmt::format("{}.{} must be true or false.", where, name)));
  return value->get_bool();
}

Result<gateway::PolicyText> policy_of(const json::value& value) {
  TRY(const auto* object, object_with(value, "policies[]", {"name", "json"}));
  TRY(auto name, text_of(*object, "policies[]", "name"));
  TRY(auto text, text_of(*object, "policies[]", "json"));
  return gateway::PolicyText{std::move(name), std::move(text)};
}

Result<identity::PrincipalRecord> principal_from(const json::value& value) {
  TRY(const auto* object, object_with(value, "principals[]", {"arn", "policies", "globalGrant"}));
  TRY(auto arn, text_of(*object, "principals[]", "arn"));
  auto record = principal_of(arn);
  if (!record)
    return fail(wrong(fmt::format("principals[].arn \"{}\" is not an IAM user or role.", arn)));
  TRY(record->global_grant, flag_of(*object, "principals[]", "globalGrant", false));
  if (const auto* policies = json::find_array(*object, "policies")) {
    for (const auto& name : *policies) {
      if (!name.is_string()) return fail(wrong("principals[].policies must be a list of names."));
      record->policies.emplace_back(name.get_string());
    }
  }
  return std::move(*record);
}

Result<identity::AccessKey> key_from(const json::value& value) {
  TRY(const auto* object, object_with(value, "keys[]", {"id", "secret", "principal", "active"}));
  identity::AccessKey key;
  TRY(key.key_id, text_of(*object, "keys[]", "id"));
  TRY(key.secret, text_of(*object, "keys[]", "secret"));
  TRY(key.principal_arn, text_of(*object, "keys[]", "principal"));
  TRY(key.active, flag_of(*object, "keys[]", "active", true));
  return key;
}

template <class T>
Result<void> read_all(const json::object& object, std::string_view name,
                      Result<T> (*read)(const json::value&), std::vector<T>& out) {
  const auto* value = json::find(object, name);
  if (!value) return {};
  const auto* items = value->if_array();
  if (!items) return fail(wrong(fmt::format("{} must be a list.", name)));
  for (const auto& item : *items) {
    TRY(auto one, read(item));
    out.push_back(std::move(one));
  }
  return {};
}

}  // namespace

json::object documents_to_json(const Documents& documents) {
  json::array policies, principals, keys;
  for (const auto& policy : documents.policies)
    policies.push_back({{"name", policy.name}, {"json", policy.json}});
  for (const auto& principal : documents.principals) {
    principals.push_back(
        {{"arn", principal.arn},
         {"policies", json::array(principal.policies.begin(), principal.policies.end())},
         {"globalGrant", principal.global_grant}});
  }
  for (const auto& key : documents.keys) {
    keys.push_back({{"id", key.key_id},
                    {"secret", key.secret},
                    {"principal", key.principal_arn},
                    {"active", key.active}});
  }
  return {{"policies", std::move(policies)},
          {"principals", std::move(principals)},
          {"keys", std::move(keys)}};
}

Result<Documents> documents_from_json(const json::value& value) {
  TRY(const auto* object, object_with(value, "the body", {"policies", "principals", "keys"}));
  Documents documents;
  TRY_VOID(read_all(*object, "policies", policy_of, documents.policies));
  TRY_VOID(read_all(*object, "principals", principal_from, documents.principals));
  TRY_VOID(read_all(*object, "keys", key_from, documents.keys));
  return documents;
}

}  // namespace tidegate::config
