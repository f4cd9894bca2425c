#include "identity/principal.hpp"

#include <algorithm>

namespace tidegate::identity {

KeyTable::KeyTable(std::vector<AccessKey> keys, std::vector<PrincipalRecord> principals,
                   std::vector<ApiKey> api_keys)
    : api_keys_(std::move(api_keys)) {
  std::ranges::sort(api_keys_, {}, &ApiKey::digest);
  for (AccessKey& key : keys) {
    std::string id = key.key_id;
    keys_.emplace(std::move(id), std::move(key));
  }
  for (PrincipalRecord& principal : principals) {
    std::string arn = principal.arn;
    principal.arn_hash = sha256(arn);
    principals_.emplace(std::move(arn), std::move(principal));
  }
}

const AccessKey* KeyTable::key(std::string_view key_id) const {
  const auto found = keys_.find(key_id);
  return found == keys_.end() ? nullptr : &found->second;
}

// What the time of a search among digests tells is nothing about a text that has one of them.
const ApiKey* KeyTable::api_key(const Sha256& digest) const {
  const auto found = std::ranges::lower_bound(api_keys_, digest, {}, &ApiKey::digest);
  return found == api_keys_.end() || found->digest != digest ? nullptr : &*found;
}

const PrincipalRecord* KeyTable::principal(std::string_view arn) const {
  const auto found = principals_.find(arn);
  return found == principals_.end() ? nullptr : &found->second;
}

}  // namespace tidegate::identity
