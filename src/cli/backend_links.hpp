// What connecting to model servers needs beside the workers: TLS contexts, and the addresses of
// servers that were given by name. Names are resolved by one thread, at the start and again and
// again; a worker only reads what was found last.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gateway/region_config.hpp"
#include "net/address.hpp"
#include "net/pooled_client.hpp"

namespace tidegate::cli {

class BackendLinks {
 public:
  // Errors: configuration (a trust bundle that cannot be read, a name whose addresses are all
  // outside the Region's networks).
  Result<void> open(const gateway::RegionConfig& config);
  ~BackendLinks();

  // On a worker's thread; this object must outlive the client.
  std::unique_ptr<http::Client> client(net::EpollLoop& loop, const model::BackendConfig& backend);

 private:
  enum class Found : std::uint8_t { address, nothing, outside };
  struct Named {
    std::string host;
    std::uint16_t port;
    Found last = Found::nothing;            // of the resolving thread
    std::optional<net::Address> address{};  // guarded by mutex_
  };
  Found resolve(Named& named);
  void resolve_all();
  std::optional<net::Address> address_of(const Named& named);

  std::vector<gateway::Network> networks_;  // fixed after open()
  std::map<std::string, std::shared_ptr<const net::TlsContext>, std::less<>>
      contexts_;                                     // by back-end
  std::map<std::string, Named, std::less<>> named_;  // by back-end; fixed after open()
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tidegate::cli
