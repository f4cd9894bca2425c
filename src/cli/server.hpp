// One Region's gateway made of real parts: threads, sockets, files. Everything else of tidegate
// knows only ports; here they are given.
#pragma once

#include <memory>
#include <vector>

#include "base/error.hpp"
#include "gateway/region_config.hpp"

namespace tidegate::cli {

class Server {
 public:
  // Opens what it needs and listens. Errors: configuration (port taken, certificate, state folder
  // in use), store and audit errors; nothing is left behind then.
  static Result<std::unique_ptr<Server>> start(gateway::RegionConfig config);
  virtual ~Server() = default;
  // Until SIGTERM or SIGINT; then drains: what runs may end within limits::drain_timeout. SIGHUP
  // reads certificates and trust bundles anew. Signals are this thread's.
  virtual void run() = 0;
};

}  // namespace tidegate::cli
