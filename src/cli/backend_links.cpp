#include "cli/backend_links.hpp"

#include <fmt/format.h>
#include <netdb.h>

#include <cstring>

#include "base/log.hpp"
#include "config/region.hpp"

namespace tidegate::cli {
namespace {

struct Addresses {
  addrinfo* first = nullptr;
  ~Addresses() {
    if (first) ::freeaddrinfo(first);
  }
};

}  // namespace

// The first of the resolver's addresses that is in the Region's networks. A name that is not found
// any more keeps its last address: it is more likely right than none.
BackendLinks::Found BackendLinks::resolve(Named& named) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  Addresses found;
  const std::string port = std::to_string(named.port);
  if (::getaddrinfo(named.host.c_str(), port.c_str(), &hints, &found.first) != 0 || !found.first)
    return Found::nothing;
  for (const addrinfo* one = found.first; one; one = one->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, one->ai_addr, one->ai_addrlen);
    const auto address = net::Address::from(storage, one->ai_addrlen);
    const std::string host = address.host();
    const bool bracketed = host.starts_with('[');
    const auto bytes =
        config::parse_ip(bracketed ? std::string_view(host).substr(1, host.size() - 2) : host);
    if (!bytes || !config::in_networks(networks_, *bytes)) continue;
    std::lock_guard lock(mutex_);
    named.address = address;
    return Found::address;
  }
  return Found::outside;
}

Result<void> BackendLinks::open(const gateway::RegionConfig& config) {
  networks_ = config.backend_networks;
  for (const model::BackendConfig& backend : config.backends) {
    if (!backend.tls) continue;
    TRY(contexts_[backend.name], net::TlsContext::for_servers(backend.trust_bundle));
    if (!net::Address::tcp(backend.host, backend.port)) {
      named_.emplace(backend.name, Named{backend.host, backend.port});
    }
  }
  if (named_.empty()) return {};
  resolve_all();
  for (const auto& [backend, named] : named_) {
    if (named.last == Found::outside)
      return fail(ErrorCode::configuration,
                  fmt::format("every address of {}, back-end {}, is outside backend_networks",
                              named.host, backend),
                  "correct its url, or add its network to backend_networks");
  }
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, limits::backend_resolve_interval, [this] { return stopping_; })) {
      lock.unlock();
      resolve_all();
      lock.lock();
    }
  });
  return {};
}

BackendLinks::~BackendLinks() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void BackendLinks::resolve_all() {
  for (auto& [backend, named] : named_) {
    named.last = resolve(named);
    if (named.last == Found::address) continue;
    log::warn(named.last == Found::outside ? "backend_outside_networks" : "backend_not_resolved",
              {{"backend", backend}, {"host", named.host}});
  }
}

std::optional<net::Address> BackendLinks::address_of(const Named& named) {
  std::lock_guard lock(mutex_);
  return named.address;
}

std::unique_ptr<http::Client> BackendLinks::client(net::EpollLoop& loop,
                                                   const model::BackendConfig& backend) {
  net::PooledClientOptions options;
  options.authority = backend.authority();
  if (backend.tls) {
    options.tls = contexts_.at(backend.name);
    options.tls_name = backend.host;
  }
  if (const auto named = named_.find(backend.name); named != named_.end()) {
    return std::make_unique<net::PooledClient>(
        loop, [this, &at = named->second] { return address_of(at); }, std::move(options));
  }
  // The address was checked when the configuration was read.
  return std::make_unique<net::PooledClient>(loop, *net::Address::tcp(backend.host, backend.port),
                                             std::move(options));
}

}  // namespace tidegate::cli
