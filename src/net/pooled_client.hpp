// The client side of HTTP/1.1, with or without TLS: connections to one address that are used again
// (the newest first, so that the others can grow old). A connection that was closed while it lay
// idle costs the caller nothing: the request goes out once more.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/limits.hpp"
#include "http/client.hpp"
#include "net/address.hpp"
#include "net/epoll_loop.hpp"
#include "net/tls_context.hpp"

namespace tidegate::net {

// How failures are named: by what is at the other end.
struct PooledClientOptions {
  Origin origin = Origin::backend;
  ErrorCode unavailable = ErrorCode::model_unavailable;
  ErrorCode timed_out = ErrorCode::model_timeout;
  ErrorCode unreadable = ErrorCode::model_error;  // an answer that is not HTTP, or too large
  std::size_t answer_bytes_max = limits::backend_answer_bytes_max;
  std::size_t idle_max = limits::idle_connections_max;
  std::string authority{};                  // the Host header; empty: the address
  std::shared_ptr<const TlsContext> tls{};  // null: plain ...
  std::string tls_name{};                   // ... else whom the certificate must be for
};

// Where a client connects: asked before each new connection, from any thread; nothing while it is
// not known.
using AddressSource = std::function<std::optional<Address>()>;

// Belongs to its loop's thread. Exchanges may outlive it.
//
// The second sending: if a *reused* connection breaks before the first byte of the answer, the
// other side has most likely closed it for idleness as the request left, and the request is sent
// again, once, on a new connection. It is possible that the other side began to work on the first
// one. For what is asked through this class that is safe: a model server would compute an answer
// twice that nobody has seen, and the admin API's changes carry the version that they replace.
class PooledClient final : public http::Client {
 public:
  PooledClient(EpollLoop& loop, Address address, PooledClientOptions options = {});
  PooledClient(EpollLoop& loop, AddressSource address, PooledClientOptions options);
  ~PooledClient() override;
  Task<Result<std::unique_ptr<http::ClientExchange>>> send(http::ClientRequest request,
                                                           http::ClientTimeouts timeouts,
                                                           Cancellation* cancellation) override;
  std::size_t idle() const;

 private:
  struct Pool;
  class Connection;
  class Exchange;
  std::shared_ptr<Pool> pool_;
};

}  // namespace tidegate::net
