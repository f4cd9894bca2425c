// A byte stream on one loop's thread: TCP, TLS over TCP, or a Unix socket. One read and one write
// may be pending at a time.
#pragma once

#include <span>
#include <string_view>

#include "base/error.hpp"
#include "base/loop.hpp"
#include "http/exchange.hpp"

namespace tidegate::net {

class TlsContext;

class Stream {
 public:
  virtual ~Stream() = default;
  // At least one byte, or 0 at the end of the stream. Errors: cancelled (closed or broken).
  virtual Task<Result<std::size_t>> read(std::span<char> into) = 0;
  // All of it, in as few sends as possible; `second` follows `first` in the same send.
  virtual Task<Result<void>> write(std::string_view first, std::string_view second = {}) = 0;
  // Nothing more will be written; the other side may still be read. Optional: a no-op where a
  // stream cannot.
  virtual void shutdown_write() {}
  // True while nothing has arrived unasked: an idle connection that the other side closed is not
  // quiet.
  virtual bool quiet() { return true; }
  // Everything pending returns cancelled; safe to call twice.
  virtual void close() = 0;
  virtual const http::ConnectionInfo& info() const = 0;
  // "h2", "http/1.1" or "" (no TLS, or nothing negotiated).
  virtual std::string_view alpn() const = 0;
  // Whether the other side would be let in under `context`, too: what a link is asked after a
  // reload. A stream whose other side shows no certificate has nothing to lose.
  virtual bool trusted_by(const TlsContext& context) const {
    (void)context;
    return true;
  }
};

}  // namespace tidegate::net
