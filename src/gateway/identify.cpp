// Stage 2, identify: who is calling. The signature covers the body's hash, so this is the first
// moment to believe it.
#include "gateway/pipeline.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {

Result<identity::Principal> Pipeline::identify(const Call& call, const http::Exchange& exchange,
                                               const Snapshot& snapshot) {
  return worker_.authenticator().verify(call.claim, exchange.head(), call.body_hash, snapshot.keys);
}

}  // namespace tidegate::gateway
