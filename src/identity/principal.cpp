#include "identity/principal.hpp"

namespace tidegate::identity {

KeyTable::KeyTable(std::vector<AccessKey> keys, std::vector<PrincipalRecord> principals) {
  for (AccessKey& key : keys) {
    std::string id = key.key_id;
    keys_.emplace(std::move(id), std::move(key));
  }
  for (PrincipalRecord& principal : principals) {
    std::string arn = principal.arn;
    principals_.emplace(std::move(arn), std::move(principal));
  }
}

const AccessKey* KeyTable::key(std::string_view key_id) const {
  const auto found = keys_.find(key_id);
  return found == keys_.end() ? nullptr : &found->second;
}

const PrincipalRecord* KeyTable::principal(std::string_view arn) const {
  const auto found = principals_.find(arn);
  return found == principals_.end() ? nullptr : &found->second;
}

}  // namespace tidegate::identity
