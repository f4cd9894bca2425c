#include "cli/blocking_http.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/limits.hpp"
#include "config/region.hpp"
#include "http/h1_codec.hpp"
#include "net/address.hpp"
#include "net/listener.hpp"

namespace tidegate::cli {
namespace {

std::unexpected<Error> unreachable(const Endpoint& endpoint, std::string why) {
  return fail({.code = ErrorCode::peer_unavailable,
               .origin = Origin::peer,
               .message = fmt::format("{} does not answer", endpoint.str()),
               .mend = "check that the gateway runs, and that this user may connect to it",
               .why = std::move(why)});
}

enum class Ready : std::uint8_t { yes, no };
Ready wait_for(int fd, short events, Duration timeout) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  for (;;) {
    const int ready =
        ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(millis(timeout), 1 << 30)));
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0 ? Ready::yes : Ready::no;
  }
}

Result<net::Address> address_of(const Endpoint& endpoint) {
  return endpoint.socket.empty() ? net::Address::tcp(endpoint.host, endpoint.port)
                                 : net::Address::unix_path(endpoint.socket);
}

Result<Descriptor> dial(const Endpoint& endpoint, Duration timeout) {
  const auto address = address_of(endpoint);
  if (!address) return unreachable(endpoint, address.error().message);
  Descriptor fd(::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return unreachable(endpoint, std::strerror(errno));
  if (address->family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (::connect(fd.get(), address->native(), address->native_size()) == 0) return fd;
  if (errno != EINPROGRESS && errno != EAGAIN) return unreachable(endpoint, std::strerror(errno));
  if (wait_for(fd.get(), POLLOUT, timeout) == Ready::no)
    return unreachable(endpoint, "it did not accept the connection in time");
  int reason = 0;
  socklen_t reason_size = sizeof reason;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &reason, &reason_size);
  if (reason != 0) return unreachable(endpoint, std::strerror(reason));
  return fd;
}

Result<void> send_all(const Endpoint& endpoint, int fd, std::string_view bytes, Duration idle) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EINTR) {
      continue;
    } else if (errno != EAGAIN) {
      return unreachable(endpoint, std::strerror(errno));
    } else if (wait_for(fd, POLLOUT, idle) == Ready::no) {
      return unreachable(endpoint, "it stopped reading the request");
    }
  }
  return {};
}

// Appends what is there; false at the end of the stream.
Result<bool> receive(const Endpoint& endpoint, int fd, std::string& into, Duration idle) {
  std::array<char, limits::read_buffer_bytes> buffer;
  for (;;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got > 0) into.append(buffer.data(), static_cast<std::size_t>(got));
    if (got >= 0) return got > 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return unreachable(endpoint, std::strerror(errno));
    if (wait_for(fd, POLLIN, idle) == Ready::no)
      return unreachable(endpoint, fmt::format("no byte came for {} s", millis(idle) / 1000));
  }
}

std::string request_text(const http::RequestHead& head, std::size_t body_size) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", head.method, head.target);
  for (const http::Header& header : head.headers)
    text += fmt::format("{}: {}\r\n", header.name, header.value);
  if (body_size > 0 || head.method == "POST")
    text += fmt::format("content-length: {}\r\n", body_size);
  return text + "connection: close\r\n\r\n";
}

// The final head; interim ones (1xx) are passed over. What follows it stays in `bytes`.
Result<http::h1::Response> receive_head(const Endpoint& endpoint, int fd, std::string& bytes,
                                        std::string_view method, Duration idle) {
  http::h1::HeadScanner scanner;
  for (;;) {
    TRY(const auto size, scanner.scan(bytes));
    if (size) {
      TRY(auto response,
          http::h1::parse_response(std::string_view(bytes).substr(0, *size), method));
      bytes.erase(0, *size);
      if (response.head.status >= 200) return response;
      scanner.reset();
      continue;
    }
    TRY(const bool more, receive(endpoint, fd, bytes, idle));
    if (!more) return unreachable(endpoint, "the connection was closed before an answer");
  }
}

}  // namespace

std::string Endpoint::str() const {
  return socket.empty() ? fmt::format("http://{}:{}", host, port) : socket;
}

Endpoint Endpoint::parse(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return {};
  auto address = config::parse_address(url.substr(scheme.size()));
  return address ? Endpoint{.socket = {}, .host = std::move(address->host), .port = address->port}
                 : Endpoint{};
}

Result<void> call(const Endpoint& endpoint, const http::RequestHead& head, std::string_view body,
                  const CallTimeouts& timeouts, const OnHead& on_head, const OnPiece& on_piece) {
  TRY(const Descriptor fd, dial(endpoint, timeouts.connect));
  TRY_VOID(
      send_all(endpoint, fd.get(), request_text(head, body.size()).append(body), timeouts.idle));
  std::string bytes;
  TRY(const auto response, receive_head(endpoint, fd.get(), bytes, head.method, timeouts.idle));
  on_head(response.head);
  http::h1::BodyDecoder decoder(response.body);
  for (;;) {
    std::string_view rest = bytes;
    std::string piece;
    TRY_VOID(decoder.decode(rest, piece));
    bytes.erase(0, bytes.size() - rest.size());
    if (!piece.empty()) on_piece(piece);
    if (decoder.done()) return {};
    TRY(const bool more, receive(endpoint, fd.get(), bytes, timeouts.idle));
    if (more) continue;
    if (decoder.end_of_stream()) return {};
    return unreachable(endpoint, "the connection broke in the middle of the answer");
  }
}

Result<Answer> call(const Endpoint& endpoint, const http::RequestHead& head, std::string_view body,
                    const CallTimeouts& timeouts) {
  Answer answer;
  bool too_large = false;
  TRY_VOID(call(
      endpoint, head, body, timeouts, [&](const http::ResponseHead& h) { answer.head = h; },
      [&](std::string_view piece) {
        too_large =
            too_large || answer.body.size() + piece.size() > limits::backend_answer_bytes_max;
        if (!too_large) answer.body += piece;
      }));
  if (too_large) return unreachable(endpoint, "the answer is too large");
  return answer;
}

bool port_is_free(std::uint16_t port) {
  return net::listen_tcp("127.0.0.1", port, 1).has_value();
}

}  // namespace tidegate::cli
