// A small blocking HTTP/1.1 client for commands: one call, one connection, over TCP or a Unix
// socket. The gateway itself uses net/; a command has nothing else to do while it waits.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"
#include "http/message.hpp"

namespace tidegate::cli {

struct Endpoint {
  std::string socket;  // path of a Unix socket; if empty:
  std::string host;    // a literal address
  std::uint16_t port = 0;
  std::string str() const;
  // "http://127.0.0.1:7101"; an empty host if it is not such a URL.
  static Endpoint parse(std::string_view url);
};

struct CallTimeouts {
  Duration connect = std::chrono::seconds(2);
  Duration idle = std::chrono::seconds(30);  // without a byte
};

struct Answer {
  http::ResponseHead head;
  std::string body;
};

using OnHead = std::function<void(const http::ResponseHead&)>;
using OnPiece = std::function<void(std::string_view)>;

// Sends `head` (content-length and connection are added; "host" is the caller's) and the body, and
// hands over the answer as it comes. Errors: peer_unavailable (nothing listens, broken, silent),
// malformed_http.
Result<void> call(const Endpoint& endpoint, const http::RequestHead& head, std::string_view body,
                  const CallTimeouts& timeouts, const OnHead& on_head, const OnPiece& on_piece);
// The same, whole.
Result<Answer> call(const Endpoint& endpoint, const http::RequestHead& head, std::string_view body,
                    const CallTimeouts& timeouts = {});

// True if nothing listens on this loopback port now.
bool port_is_free(std::uint16_t port);

}  // namespace tidegate::cli
