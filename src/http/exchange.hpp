// The server side of one request and its answer, whatever carries it: HTTP/1.1, HTTP/2, or memory
// in a test.
#pragma once

#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/loop.hpp"
#include "http/message.hpp"

namespace tidegate::http {

// What is known of the connection below an exchange or a channel.
struct ConnectionInfo {
  std::string
      remote_address;  // "192.0.2.1" or "[2001:db8::1]", without the port; "unix" on a Unix socket
  std::string tls_version;  // "TLSv1.3", empty without TLS
  std::string tls_cipher;   // "TLS_AES_128_GCM_SHA256"
  std::string peer_uri;     // the URI SAN of a verified peer certificate, empty if there is none
  // Of 32 bytes that both ends of a link export from its TLS session under
  // "EXPORTER-tidegate-routing-token" (RFC 8446, section 7.5).
  std::optional<HmacKey> link_key{};
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const RequestHead& head() const = 0;
  virtual const ConnectionInfo& connection() const = 0;
  // The next piece of the body, empty at its end. Errors: cancelled (client gone), request_timeout,
  // malformed_http, body_too_large (more than limits::body_bytes_max in all).
  virtual Task<Result<std::string>> next_body() = 0;
  // The head of the answer, once. It may be kept back and leave with the first bytes of the body in
  // one send. A "content-length" header makes the body exactly that long; without one the body is
  // chunked (HTTP/1.1).
  virtual Task<Result<void>> begin(ResponseHead head) = 0;
  // Suspends while more than limits::write_high_bytes are waiting to leave. Errors: cancelled.
  virtual Task<Result<void>> write(std::string bytes) = 0;
  // The end of the answer: `last` bytes (may be empty) and the end marker leave together.
  virtual Task<Result<void>> finish(std::string last) = 0;
  // begin() has been called: no failover any more, errors go inside the stream.
  virtual bool begun() const = 0;
  // Requested when the client goes away or the connection breaks.
  virtual Cancellation& cancellation() = 0;
  // Ends the exchange without a proper end (RST_STREAM, or the connection is closed): the client
  // sees a broken answer.
  virtual void abort() = 0;
};

// What answers requests. serve() must finish() or abort() the exchange; it stays alive until the
// task ends.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Task<void> serve(Exchange& exchange) = 0;
};

}  // namespace tidegate::http
