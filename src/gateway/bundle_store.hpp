// What a gateway remembers of the catalogue, as a port: the last good bundle, so that it goes back
// to no older one whatever it is offered after a restart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace tidegate::gateway {

struct StoredBundle {
  std::uint64_t epoch = 0;
  std::string sha256;  // its address
  std::string text;    // the file, signatures and all
};

class BundleStore {
 public:
  virtual ~BundleStore() = default;
  virtual Result<std::optional<StoredBundle>> last_good() = 0;  // errors: store_unavailable
  // Errors: store_unavailable, also where the store has this epoch or a later one already.
  virtual Result<void> remember(const StoredBundle& bundle) = 0;
};

}  // namespace tidegate::gateway
