// Documents as the admin API's JSON, both ways: strict about what it takes, because what is not
// understood here would silently not be in force.
#include <fmt/format.h>

#include "admin/admin_api.hpp"
#include "admin/members.hpp"
#include "aws/sigv4.hpp"

namespace tidegate::admin {
namespace {

template <class Read>
Result<void> each(const json::object& root, std::string_view name, Read read) {
  if (!json::find(root, name)) return {};
  const json::array* list = json::find_array(root, name);
  if (!list) return wrong(name, "must be a list");
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string where = fmt::format("{}[{}]", name, i);
    const json::object* object = (*list)[i].if_object();
    if (!object) return wrong(where, "must be an object");
    TRY_VOID(read(*object, where));
  }
  return {};
}

// Its id follows from the digest; when it was made the gateway says.
Result<identity::ApiKey> api_key(const json::object& o, std::string_view where) {
  TRY_VOID(only_members(o, {"name", "sha256", "principal", "expires", "active"}, where));
  identity::ApiKey key;
  key.name = json::find_string(o, "name").value_or("");
  TRY(const std::string digest, text_member(o, "sha256", where));
  const auto bytes = sha256_from_hex(digest);
  if (!bytes) return wrong(where, "\"sha256\" must be 64 hexadecimal digits");
  key.digest = *bytes;
  key.key_id = identity::api_key_id(key.digest);
  TRY(key.principal_arn, text_member(o, "principal", where));
  TRY(const std::string expires, text_member(o, "expires", where));
  const auto time = aws::parse_iso8601(expires);
  if (!time) return wrong(where, "\"expires\" must be like 2026-11-22T03:20:08Z");
  key.expires = *time;
  key.active = json::find_bool(o, "active").value_or(true);
  return key;
}

Result<std::vector<std::string>> names(const json::object& o, std::string_view name,
                                       std::string_view where) {
  std::vector<std::string> out;
  const json::array* list = json::find_array(o, name);
  if (!list) return wrong(where, fmt::format("\"{}\" must be a list of names", name));
  for (const json::value& item : *list) {
    if (!item.is_string()) return wrong(where, fmt::format("\"{}\" must be a list of names", name));
    out.emplace_back(item.get_string());
  }
  return out;
}

Result<identity::NarrowedRow> narrowed_row(const json::object& o, std::string_view where) {
  TRY_VOID(only_members(o, {"profile", "regions"}, where));
  identity::NarrowedRow out;
  TRY(out.profile, text_member(o, "profile", where));
  TRY(out.regions, names(o, "regions", where));
  return out;
}

json::object narrowed_row_to_json(const identity::NarrowedRow& narrowed) {
  return {{"profile", narrowed.profile},
          {"regions", json::array(narrowed.regions.begin(), narrowed.regions.end())}};
}

}  // namespace

json::object api_key_to_json(const identity::ApiKey& key) {
  return {{"name", key.name},
          {"sha256", to_hex(key.digest)},
          {"principal", key.principal_arn},
          {"expires", aws::iso8601(key.expires)},
          {"active", key.active}};
}

Result<gateway::Documents> documents_from_json(const json::value& value) {
  const json::object* root = value.if_object();
  if (!root) return wrong("documents", "must be an object");
  TRY_VOID(only_members(*root, {"policies", "principals", "keys", "apiKeys"}, "documents"));
  gateway::Documents out;
  TRY_VOID(
      each(*root, "policies", [&](const json::object& o, std::string_view where) -> Result<void> {
        TRY_VOID(only_members(o, {"name", "document"}, where));
        gateway::PolicyText policy;
        TRY(policy.name, text_member(o, "name", where));
        const json::value* document = json::find(o, "document");
        if (!document) return wrong(where, "has no \"document\"");
        policy.json = document->is_string() ? std::string(document->get_string())
                                            : json::serialize(*document);
        out.policies.push_back(std::move(policy));
        return {};
      }));
  TRY_VOID(
      each(*root, "principals", [&](const json::object& o, std::string_view where) -> Result<void> {
        TRY_VOID(only_members(
            o, {"arn", "account", "userId", "policies", "globalGrant", "narrowedRows"}, where));
        identity::PrincipalRecord principal;
        TRY(principal.arn, text_member(o, "arn", where));
        TRY(principal.account, text_member(o, "account", where));
        TRY(principal.user_id, text_member(o, "userId", where));
        principal.global_grant = json::find_bool(o, "globalGrant").value_or(false);
        if (json::find(o, "policies")) {
          TRY(principal.policies, names(o, "policies", where));
        }
        TRY_VOID(each(o, "narrowedRows",
                      [&](const json::object& narrowed, std::string_view at) -> Result<void> {
                        TRY(principal.narrowed_rows.emplace_back(), narrowed_row(narrowed, at));
                        return {};
                      }));
        out.principals.push_back(std::move(principal));
        return {};
      }));
  TRY_VOID(each(*root, "keys", [&](const json::object& o, std::string_view where) -> Result<void> {
    TRY_VOID(only_members(o, {"id", "secret", "principal", "active"}, where));
    identity::AccessKey key;
    TRY(key.key_id, text_member(o, "id", where));
    TRY(key.secret, text_member(o, "secret", where));
    TRY(key.principal_arn, text_member(o, "principal", where));
    key.active = json::find_bool(o, "active").value_or(true);
    out.keys.push_back(std::move(key));
    return {};
  }));
  TRY_VOID(
      each(*root, "apiKeys", [&](const json::object& o, std::string_view where) -> Result<void> {
        TRY(out.api_keys.emplace_back(), api_key(o, where));
        return {};
      }));
  return out;
}

json::object documents_to_json(const gateway::Documents& documents) {
  json::array policies;
  json::array principals;
  json::array keys;
  for (const auto& policy : documents.policies)
    policies.push_back(json::object{{"name", policy.name}, {"document", policy.json}});
  for (const auto& principal : documents.principals) {
    json::array narrowed_rows;
    for (const auto& narrowed : principal.narrowed_rows)
      narrowed_rows.push_back(narrowed_row_to_json(narrowed));
    principals.push_back(json::object{
        {"arn", principal.arn},
        {"account", principal.account},
        {"userId", principal.user_id},
        {"policies", json::array(principal.policies.begin(), principal.policies.end())},
        {"globalGrant", principal.global_grant},
        {"narrowedRows", std::move(narrowed_rows)}});
  }
  for (const auto& key : documents.keys) {
    keys.push_back(json::object{{"id", key.key_id},
                                {"secret", key.secret},
                                {"principal", key.principal_arn},
                                {"active", key.active}});
  }
  json::array api_keys;
  for (const auto& key : documents.api_keys) api_keys.push_back(api_key_to_json(key));
  return {{"policies", std::move(policies)},
          {"principals", std::move(principals)},
          {"keys", std::move(keys)},
          {"apiKeys", std::move(api_keys)}};
}

}  // namespace tidegate::admin
