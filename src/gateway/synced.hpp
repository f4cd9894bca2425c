// Awaits the storage thread: everything up to a ticket of the audit log is on disk.
#pragma once

#include "audit/log.hpp"
#include "base/loop.hpp"

namespace tidegate::gateway {

inline Task<Result<void>> synced(Loop& loop, audit::Log& log, std::uint64_t ticket) {
  Result<void> outcome;
  Event done(loop);
  log.on_synced(ticket, [&](Result<void> result) {
    loop.post([&, result = std::move(result)]() mutable {
      outcome = std::move(result);
      done.set();
    });
  });
  co_await done.wait();
  co_return outcome;
}

}  // namespace tidegate::gateway
