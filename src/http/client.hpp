// The client side of an exchange: a pool of connections to one address (Client), or one live
// connection to a peer (Channel), whose TLS session the caller can bind tokens to.
#pragma once

#include <memory>

#include "http/exchange.hpp"

namespace tidegate::http {

struct ClientRequest {
  std::string method;
  std::string target;
  Headers headers;         // without host, content-length, connection: those are the client's
  std::string_view body;   // sent whole; must live until head() has returned
  std::string front = {};  // the body's first bytes, before `body`
};

struct ClientTimeouts {
  Duration connect;
  Duration first_byte;  // from the request sent to the head of the answer
  Duration idle;        // between two pieces of the answer's body
};

// One request in flight. Destroying it before the end aborts it: HTTP/2 RST_STREAM, HTTP/1.1 closes
// the connection.
class ClientExchange {
 public:
  virtual ~ClientExchange() = default;
  // Errors: backend/peer unreachable or broken (origin backend or peer), time-out, cancelled.
  virtual Task<Result<ResponseHead>> head() = 0;
  // The next piece of the answer's body, empty at its proper end.
  virtual Task<Result<std::string>> next_body() = 0;
};

class Client {
 public:
  virtual ~Client() = default;
  // Suspends until the request is on its way. If `cancellation` is requested, every pending and
  // later call of this exchange returns ErrorCode::cancelled. Error.retry says whether nothing was
  // sent (same_region) or not.
  virtual Task<Result<std::unique_ptr<ClientExchange>>> send(ClientRequest request,
                                                             ClientTimeouts timeouts,
                                                             Cancellation* cancellation) = 0;
};

// One live, authenticated HTTP/2 connection.
class Channel : public Client {
 public:
  virtual const ConnectionInfo& connection() const = 0;
  virtual bool usable() const = 0;  // false once it broke or the other side said GOAWAY
};

}  // namespace tidegate::http
