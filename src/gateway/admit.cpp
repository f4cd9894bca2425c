// Stage 5, admit: is there room for one more? Until quotas exist this is bounded concurrency; it
// sheds here, with a retry hint, before any work.
#include <fmt/format.h>

#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"

namespace tidegate::gateway {

Admitted::~Admitted() {
  if (!region_) return;
  region_->in_flight().fetch_sub(1, std::memory_order_relaxed);
  region_->telemetry().in_flight(-1);
}

Result<Admitted> Pipeline::admit(const Permit& /* proof that policy was decided */) {
  const std::size_t limit = region_.config().requests_in_flight_max;
  if (region_.in_flight().fetch_add(1, std::memory_order_relaxed) >= limit) {
    region_.in_flight().fetch_sub(1, std::memory_order_relaxed);
    return fail(
        ErrorCode::overloaded, "Too many connections, please wait before trying again.",
        fmt::format("This gateway serves {} requests at once (requests_in_flight_max).", limit));
  }
  region_.telemetry().in_flight(1);
  return Admitted(region_);
}

}  // namespace tidegate::gateway
