#include "gateway/documents.hpp"

#include <algorithm>

namespace tidegate::gateway {
namespace {

template <class T, class Key>
void merge_by(std::vector<T>& base, const std::vector<T>& changes, Key key) {
  for (const T& change : changes) {
    const auto found = std::ranges::find(base, key(change), key);
    if (found == base.end()) {
      base.push_back(change);
    } else {
      *found = change;
    }
  }
}

}  // namespace

Documents merge(Documents base, const Documents& changes) {
  merge_by(base.policies, changes.policies, [](const PolicyText& p) { return p.name; });
  merge_by(base.principals, changes.principals,
           [](const identity::PrincipalRecord& p) { return p.arn; });
  merge_by(base.keys, changes.keys, [](const identity::AccessKey& k) { return k.key_id; });
  merge_by(base.api_keys, changes.api_keys, [](const identity::ApiKey& k) { return k.key_id; });
  return base;
}

}  // namespace tidegate::gateway
