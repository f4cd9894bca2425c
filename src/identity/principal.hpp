// Who is calling. A Principal has no public constructor: identity is earned, by Authenticator
// (SigV4) only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"

namespace tidegate::identity {

// One access key of one principal, as the store keeps it.
struct AccessKey {
  std::string key_id;         // "AKIA..."
  std::string secret;         // SigV4 needs it in clear
  std::string principal_arn;  // "arn:aws:iam::111122223333:user/demo"
  bool active = true;
};

struct PrincipalRecord {
  std::string arn;                    // "arn:aws:iam::111122223333:user/demo"
  std::string account;                // "111122223333"
  std::string user_id;                // "AIDA..."; STS GetCallerIdentity's UserId
  std::vector<std::string> policies;  // names of policy documents
  bool global_grant = false;          // the operator lets this principal use global. profiles
};

// Immutable; part of a snapshot.
class KeyTable {
 public:
  KeyTable(std::vector<AccessKey> keys, std::vector<PrincipalRecord> principals);
  KeyTable(KeyTable&&) = default;  // leaves the records where they are
  KeyTable& operator=(KeyTable&&) = default;
  const AccessKey* key(std::string_view key_id) const;
  const PrincipalRecord* principal(std::string_view arn) const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  template <class T>
  using Named = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
  Named<AccessKey> keys_;
  Named<PrincipalRecord> principals_;
};

// A view of the KeyTable that it was found in: the snapshot of its request holds that.
class Principal {
 public:
  const std::string& arn() const { return record_->arn; }
  const std::string& account() const { return record_->account; }
  const std::string& user_id() const { return record_->user_id; }
  const std::string& key_id() const { return key_->key_id; }
  const PrincipalRecord& record() const { return *record_; }

 private:
  friend class Authenticator;
  Principal(const PrincipalRecord& record, const AccessKey& key) : record_(&record), key_(&key) {}
  const PrincipalRecord* record_;
  const AccessKey* key_;
};

}  // namespace tidegate::identity
