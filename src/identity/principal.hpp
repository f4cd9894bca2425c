// Who is calling. A Principal has no public constructor: identity is earned, by Authenticator
// (a signature, or an API key) only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "identity/api_key.hpp"

namespace tidegate::identity {

// One access key of one principal, as the store keeps it.
struct AccessKey {
  std::string key_id;         // "AKIA..."
  std::string secret;         // SigV4 needs it in clear
  std::string principal_arn;  // "arn:aws:iam::111122223333:user/demo"
  bool active = true;
};

// The part of a profile's row that a principal keeps to: fewer Regions, never more.
struct NarrowedRow {
  std::string profile;               // its id
  std::vector<std::string> regions;  // of the row
};

struct PrincipalRecord {
  std::string arn;                    // "arn:aws:iam::111122223333:user/demo"
  std::string account;                // "111122223333"
  std::string user_id;                // "AIDA..."; STS GetCallerIdentity's UserId
  std::vector<std::string> policies;  // names of policy documents
  bool global_grant = false;          // the operator lets this principal use global. profiles
  std::vector<NarrowedRow> narrowed_rows{};  // one a profile
  Sha256 arn_hash{};                         // KeyTable sees to it
};

// Immutable; part of a snapshot.
class KeyTable {
 public:
  KeyTable(std::vector<AccessKey> keys, std::vector<PrincipalRecord> principals,
           std::vector<ApiKey> api_keys = {});
  KeyTable(KeyTable&&) = default;  // leaves the records where they are
  KeyTable& operator=(KeyTable&&) = default;
  const AccessKey* key(std::string_view key_id) const;
  const ApiKey* api_key(const Sha256& digest) const;
  const std::vector<ApiKey>& api_keys() const { return api_keys_; }
  const PrincipalRecord* principal(std::string_view arn) const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  template <class T>
  using Named = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
  Named<AccessKey> keys_;
  std::vector<ApiKey> api_keys_;  // by digest
  Named<PrincipalRecord> principals_;
};

enum class Credential : std::uint8_t {
  access_key,
  api_key,
  short_term_key,  // an API key that its maker signed with an access key
};

// A view of the KeyTable that it was found in: the snapshot of its request holds that.
class Principal {
 public:
  const std::string& arn() const { return record_->arn; }
  const std::string& account() const { return record_->account; }
  const std::string& user_id() const { return record_->user_id; }
  Credential credential() const { return credential_; }
  const std::string& key_id() const {
    return *key_id_;
  }  // of the access key, or the long-term API key
  const PrincipalRecord& record() const { return *record_; }

 private:
  friend class Authenticator;
  Principal(const PrincipalRecord& record, Credential credential, const std::string& key_id)
      : record_(&record), key_id_(&key_id), credential_(credential) {}
  const PrincipalRecord* record_;
  const std::string* key_id_;
  Credential credential_;
};

}  // namespace tidegate::identity
