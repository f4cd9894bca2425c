// Listening: the sockets of all workers for one address, and each worker's accept loop, which finds
// out what a client speaks (TLS by its first byte, HTTP/2 by its preface) and serves it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/address.hpp"
#include "net/connection.hpp"
#include "net/epoll_loop.hpp"
#include "net/tls_context.hpp"

namespace tidegate::net {

// `count` sockets that share one TCP address (SO_REUSEPORT), one a worker. Port 0 takes any free
// one: ask port_of(). Errors: configuration, when the address is taken or not allowed. SO_REUSEPORT
// alone would hide a taken port.
Result<std::vector<Descriptor>> listen_tcp(const std::string& host, std::uint16_t port,
                                           std::size_t count);
// A Unix socket that only its owner can use (mode 0600). A socket that a dead process left behind
// is replaced, one that somebody serves is not. Errors: configuration.
Result<Descriptor> listen_unix(const std::string& path);
std::uint16_t port_of(const Descriptor& socket);

enum class Security : std::uint8_t {
  plain,         // no TLS
  plain_or_tls,  // whichever the client speaks first
  tls,           // TLS alone: links between Regions
};

struct ListenerOptions {
  Security security = Security::plain;
  // Asked once a connection, so that a reload reaches the next one. Null: TLS is refused.
  std::function<std::shared_ptr<const TlsContext>()> tls;
  // Told of a peer whose identity did not hold, with its address.
  std::function<void(std::string_view remote_address)> impostor;
  ConnectionOptions connection;  // its `drain` is the listener's own
  std::size_t connections_max = limits::connections_max;
};

// Belongs to its loop's thread.
class Listener {
 public:
  // `handler` outlives the listener. Accepting begins at once.
  Listener(EpollLoop& loop, Descriptor socket, http::Handler& handler, ListenerOptions options);
  // After drain() has returned, or when the loop runs no more.
  ~Listener();

  // No new connections; exchanges finish, idle connections close; after `patience` what is left is
  // cut. Returns when no connection is left.
  Task<void> drain(Duration patience);
  std::size_t connections() const;
  // New certificates are in force: a link whose other side would not be let in any more takes no
  // new request from now on (GOAWAY), and is cut after limits::drain_timeout.
  void recheck(const TlsContext& trusted);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tidegate::net
