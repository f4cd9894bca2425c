// Opening connections: to a model server, to the admin socket, to another Region.
#pragma once

#include <memory>

#include "net/address.hpp"
#include "net/epoll_loop.hpp"
#include "net/socket_stream.hpp"
#include "net/tls_context.hpp"

namespace tidegate::net {

// Errors: peer_unavailable with retry same_region (nothing was sent), or cancelled.
Task<Result<std::unique_ptr<SocketStream>>> dial(EpollLoop& loop, Address address, Duration timeout,
                                                 Cancellation* cancellation = nullptr);

// The same with TLS inside, to a server whose certificate must be for `name`.
Task<Result<std::unique_ptr<Stream>>> dial_server(EpollLoop& loop, Address address,
                                                  std::shared_ptr<const TlsContext> context,
                                                  std::string name, Duration timeout,
                                                  Cancellation* cancellation = nullptr);

// A link to `region`: connected, authenticated, ALPN h2. `timeout` is for all of it.
Task<Result<std::unique_ptr<Stream>>> dial_peer(EpollLoop& loop, Address address,
                                                std::shared_ptr<const TlsContext> context,
                                                catalog::RegionId region, Duration timeout,
                                                Cancellation* cancellation = nullptr);

}  // namespace tidegate::net
