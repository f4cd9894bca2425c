// Documents: what changes while the gateway runs, through the admin API only. They are versioned
// and live in the store.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "identity/principal.hpp"

namespace tidegate::gateway {

struct PolicyText {
  std::string name;
  std::string json;
};

struct Documents {
  std::uint64_t version = 0;
  std::vector<PolicyText> policies;
  std::vector<identity::PrincipalRecord> principals;
  std::vector<identity::AccessKey> keys;
  std::vector<identity::ApiKey> api_keys;
};

// `changes` over `base`, by name, ARN and key ids.
Documents merge(Documents base, const Documents& changes);

class DocumentStore {
 public:
  virtual ~DocumentStore() = default;
  virtual Result<Documents> load() = 0;  // errors: store_unavailable
  // Adds or replaces by name, ARN and key ids, in one transaction; returns everything at the new
  // version.
  virtual Result<Documents> apply(const Documents& changes) = 0;
};

}  // namespace tidegate::gateway
