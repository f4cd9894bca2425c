#include "catalog/draft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/json.hpp"
#include "base/limits.hpp"
#include "catalog/members.hpp"

namespace tidegate::catalog {
namespace {

constexpr std::array<std::string_view, 5> lists = {"regions", "geographies", "models", "profiles",
                                                   "revoked"};

// What tells two entries of a list apart. Empty: it has no such members, and the reader of
// catalogues says which.
std::string key_of(std::string_view list, const json::value& entry) {
  const json::object* o = entry.if_object();
  if (!o) return {};
  const auto id = json::find_string(*o, list == "revoked" ? "profile" : "id");
  if (!id) return {};
  if (list != "profiles") return std::string(*id);
  return fmt::format("{}@{}", *id, json::find_int(*o, "version").value_or(0));
}

void lay_over(json::array& base, const json::array& own, std::string_view list) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < base.size(); ++i) places.emplace(key_of(list, base[i]), i);
  for (const json::value& entry : own) {
    const auto found = places.find(key_of(list, entry));
    if (found == places.end()) {
      base.push_back(entry);
    } else {
      base[found->second] = entry;
    }
  }
}

// A revoked version is not described any more.
void drop_revoked(json::object& document) {
  const json::array* revoked = json::find_array(document, "revoked");
  if (!revoked) return;
  std::map<std::string, std::int64_t, std::less<>> versions;
  for (const json::value& entry : *revoked) {
    const json::object* o = entry.if_object();
    if (!o) continue;
    versions[std::string(json::find_string(*o, "profile").value_or(""))] =
        json::find_int(*o, "version").value_or(0);
  }
  json::array kept;
  for (json::value& entry : document["profiles"].as_array()) {
    const json::object* o = entry.if_object();
    const auto found = o ? versions.find(json::find_string(*o, "id").value_or("")) : versions.end();
    if (found != versions.end() && json::find_int(*o, "version").value_or(0) <= found->second)
      continue;
    kept.push_back(std::move(entry));
  }
  document["profiles"] = std::move(kept);
}

// When each version, and each row that came to a version later, was there first.
void write_since(json::object& document, const Catalog& before, std::uint64_t epoch) {
  for (json::value& entry : document["profiles"].as_array()) {
    json::object* o = entry.if_object();
    if (!o) continue;
    o->erase("since");
    o->erase("rows_since");
    const std::int64_t version = json::find_int(*o, "version").value_or(0);
    const Profile* was = before.profile(json::find_string(*o, "id").value_or(""),
                                        static_cast<std::uint32_t>(version));
    const std::uint64_t since = was ? was->since : epoch;
    if (since > 0) (*o)["since"] = since;
    const json::object* rows = json::find_object(*o, "rows");
    if (!was || !rows) continue;
    json::object later;
    for (const auto& row : *rows) {
      const Row* old_row = was->row(RegionId(std::string(row.key())));
      const std::uint64_t row_since = old_row ? old_row->since() : epoch;
      if (row_since != since) later[row.key()] = row_since;
    }
    if (!later.empty()) (*o)["rows_since"] = std::move(later);
  }
}

}  // namespace

Result<Bundle> draft_next(std::string_view own, const Bundle* before) {
  auto parsed = json::parse(own);
  if (!parsed) return wrong("document", parsed.error().message);
  TRY(Members members, Members::open(*parsed, "document"));
  const auto base = before ? before->catalog() : Catalog::built_in();
  TRY(json::value document, json::parse(base->document()));
  json::object& root = document.as_object();
  for (const std::string_view list : lists) {
    if (!members.optional(list)) continue;
    TRY(const json::array* entries, members.list(list));
    if (!root.contains(list)) root[list] = json::array();
    lay_over(root[list].as_array(), *entries, list);
  }
  if (const json::value* provenance = members.optional("provenance")) {
    root["provenance"] = *provenance;
  }
  if (members.optional("format")) {
    TRY_VOID(members.integer("format"));
  }
  TRY_VOID(members.finish());
  drop_revoked(root);
  const std::uint64_t epoch = before ? before->epoch() + 1 : 1;
  write_since(root, *base, epoch);
  return Bundle::draft(json::serialize(document), epoch, before ? before->sha256() : "");
}

}  // namespace tidegate::catalog
