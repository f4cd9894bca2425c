#include "cli/backend_links.hpp"

#include <netdb.h>

#include "base/log.hpp"

namespace tidegate::cli {
namespace {

// The first address that the system's resolver has; nothing where it has none, now.
std::optional<net::Address> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0 || !found) {
    return std::nullopt;
  }
  sockaddr_storage storage{};
  std::memcpy(&storage, found->ai_addr, found->ai_addrlen);
  const auto address = net::Address::from(storage, found->ai_addrlen);
  ::freeaddrinfo(found);
  return address;
}

}  // namespace

Result<void> BackendLinks::open(const std::vector<model::BackendConfig>& backends) {
  for (const model::BackendConfig& backend : backends) {
    if (!backend.tls) continue;
    TRY(contexts_[backend.name], net::TlsContext::for_servers(backend.trust_bundle));
    if (!net::Address::tcp(backend.host, backend.port)) {
      named_.emplace(backend.name, Named{backend.host, backend.port});
    }
  }
  if (named_.empty()) return {};
  resolve_all();
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

// A name that is not found any more keeps its last address: it is more likely right than none.
void BackendLinks::resolve_all() {
  for (auto& [backend, named] : named_) {
    const auto found = resolve(named.host, named.port);
    if (!found) log::warn("backend_not_resolved", {{"backend", backend}, {"host", named.host}});
    std::lock_guard lock(mutex_);
    if (found) named.address = found;
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
