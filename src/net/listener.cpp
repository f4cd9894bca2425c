#include "net/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <list>
#include <system_error>

#include "base/log.hpp"
#include "net/tls_stream.hpp"

namespace tidegate::net {
namespace {

constexpr std::string_view h2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr char tls_handshake_record = 0x16;

std::unexpected<Error> cannot_listen(const std::string& where, int error) {
  std::string mend = "Check the listen address of the configuration.";
  if (error == EADDRINUSE)
    mend = "Stop the process that uses it (ss -ltnp shows which), or choose another port.";
  if (error == EACCES) mend = "Choose a port above 1023, or grant CAP_NET_BIND_SERVICE.";
  if (error == EADDRNOTAVAIL)
    mend = "Choose an address that this host has (ip address shows them), or 0.0.0.0.";
  return fail(ErrorCode::configuration,
              fmt::format("cannot listen on {}: {}", where, std::generic_category().message(error)),
              std::move(mend));
}

Descriptor bind_tcp(const Address& address, int options) {
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (options) ::setsockopt(socket.get(), SOL_SOCKET, options, &on, sizeof on);
  if (!socket || ::bind(socket.get(), address.native(), address.native_size()) != 0) return {};
  return socket;
}

Address local_address(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size);
  return Address::from(storage, size);
}

}  // namespace

Result<std::vector<Descriptor>> listen_tcp(const std::string& host, std::uint16_t port,
                                           std::size_t count) {
  TRY(Address address, Address::tcp(host, port));
  if (port != 0) {
    const Descriptor probe = bind_tcp(address, 0);
    // Binding alone does not clash with a socket that nobody accepts on, so listen as well.
    if (!probe || ::listen(probe.get(), 1) != 0) return cannot_listen(address.to_string(), errno);
  }
  std::vector<Descriptor> sockets;
  for (std::size_t i = 0; i < count; ++i) {
    Descriptor socket = bind_tcp(address, SO_REUSEPORT);
    if (!socket || ::listen(socket.get(), limits::accept_backlog) != 0)
      return cannot_listen(address.to_string(), errno);
    if (i == 0) address = local_address(socket.get());  // with its port, where that was 0
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

Result<Descriptor> listen_unix(const std::string& path) {
  TRY(const Address address, Address::unix_path(path));
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(probe.get(), address.native(), address.native_size()) == 0)
    return cannot_listen(path, EADDRINUSE);
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
  // The mode comes from the umask at bind(): there is no moment at which others could connect.
  const mode_t mask = ::umask(0177);
  const bool bound = ::bind(socket.get(), address.native(), address.native_size()) == 0;
  const int error = errno;
  ::umask(mask);
  if (!bound) return cannot_listen(path, error);
  if (::listen(socket.get(), limits::accept_backlog) != 0) return cannot_listen(path, errno);
  return socket;
}

std::uint16_t port_of(const Descriptor& socket) {
  return local_address(socket.get()).port();
}

// Shared with the tasks that it starts, which may outlive the Listener's owner but not the loop.
struct Listener::State final : std::enable_shared_from_this<Listener::State>,
                               private EpollLoop::Watcher {
  State(EpollLoop& loop_, Descriptor socket_, http::Handler& handler_, ListenerOptions options_)
      : loop(loop_),
        socket(std::move(socket_)),
        handler(handler_),
        options(std::move(options_)),
        acceptable(loop),
        room(loop),
        changed(loop) {
    options.connection.drain = &drain;
    unix_socket = local_address(socket.get()).family() == AF_UNIX;
    loop.watch(socket.get(), this);
  }

  EpollLoop& loop;
  Descriptor socket;
  http::Handler& handler;
  ListenerOptions options;
  Cancellation drain;  // no more requests
  Cancellation cut;    // no more patience
  Event acceptable, room, changed;
  std::size_t open = 0;
  bool unix_socket = false;
  bool accepting = true;

  void on_ready(EpollLoop::Readiness) override { acceptable.set(); }
  void stop_accepting() {
    accepting = false;
    if (socket) loop.unwatch(socket.get());
    socket.reset();
    acceptable.set();
    room.set();
  }

  static Task<void> accept_loop(std::shared_ptr<State> self);
  static Task<void> serve(std::shared_ptr<State> self, Descriptor accepted, Address remote);
  Task<void> serve_socket(std::unique_ptr<SocketStream> socket_stream);
  Task<void> serve_stream(std::unique_ptr<Stream> stream, std::string already_read);

  // A link from another Region, while it is served.
  struct Link {
    Stream* stream;
    Cancellation drain;
    TimerId cut = 0;
  };
  Task<void> serve_link(std::unique_ptr<Stream> stream);
  std::list<Link> links;
};

Task<void> Listener::State::accept_loop(std::shared_ptr<State> self) {
  while (self->accepting) {
    // Those above the limit wait in the kernel's queue, where they cost nothing.
    if (self->open >= self->options.connections_max) {
      co_await self->room.wait();
      continue;
    }
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    Descriptor accepted(::accept4(self->socket.get(), reinterpret_cast<sockaddr*>(&storage), &size,
                                  SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      if (self->unix_socket) storage.ss_family = AF_UNIX;
      spawn(serve(self, std::move(accepted), Address::from(storage, size)));
      continue;
    }
    switch (errno) {
      case EAGAIN:
        co_await self->acceptable.wait();
        break;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        log::warn("accept_failed",
                  {{"why", std::generic_category().message(errno)},
                   {"connections", self->open},
                   {"mend", "Raise the limit of open files (LimitNOFILE, ulimit -n)."}});
        co_await sleep_for(self->loop, limits::accept_back_off);
        break;
      default:
        break;  // the client was faster (ECONNABORTED), or its network failed: the next one
    }
  }
}

Task<void> Listener::State::serve(std::shared_ptr<State> self, Descriptor accepted,
                                  Address remote) {
  ++self->open;
  auto stream = std::make_unique<SocketStream>(self->loop, std::move(accepted), remote);
  {
    // It outlives the stream by no suspension, so the pointer is good whenever it can run.
    Cancellation::Callback on_cut(&self->cut, [raw = stream.get()] { raw->close(); });
    co_await self->serve_socket(std::move(stream));
  }
  --self->open;
  self->room.set();
  self->changed.set();
}

Task<void> Listener::State::serve_socket(std::unique_ptr<SocketStream> socket_stream) {
  // The first bytes tell the protocol. Nothing is sent to a client that says nothing.
  std::string first;
  {
    const TimerId timer = loop.call_at(loop.now() + options.connection.header_timeout,
                                       [raw = socket_stream.get()] { raw->close(); });
    Cancellation::Callback on_drain(&drain, [raw = socket_stream.get()] { raw->close(); });
    const auto buffer = std::make_unique_for_overwrite<char[]>(limits::read_buffer_bytes);
    std::size_t size = 0;
    do {
      const auto got =
          co_await socket_stream->read({buffer.get() + size, limits::read_buffer_bytes - size});
      size = got && *got > 0 ? size + *got : 0;
      // A part of the preface could still become either.
    } while (size > 0 && size < h2_preface.size() && h2_preface.starts_with({buffer.get(), size}));
    loop.cancel(timer);
    first.assign(buffer.get(), size);
  }
  if (first.empty()) co_return;

  if (first.front() != tls_handshake_record) {
    if (options.security != Security::tls)
      co_await serve_stream(std::move(socket_stream), std::move(first));
    co_return;
  }
  auto context = options.security != Security::plain && options.tls ? options.tls() : nullptr;
  if (!context) co_return;
  const bool demands_peer = context->demands_peer();
  const std::string address = socket_stream->info().remote_address;
  auto stream = co_await TlsStream::accept(loop, std::move(socket_stream), std::move(first),
                                           std::move(context), limits::tls_handshake_timeout);
  if (stream && demands_peer) {
    // A reload in the middle of the handshake: what counts is the trust of now.
    if (const auto present = options.tls(); present && (*stream)->trusted_by(*present)) {
      co_await serve_link(*std::move(stream));
    } else {
      log::warn("link_distrusted", {{"peer", (*stream)->info().peer_uri}});
    }
  } else if (stream) {
    co_await serve_stream(*std::move(stream), {});
  } else {
    const bool impostor = stream.error().code == ErrorCode::fence_refused;
    log::write(impostor ? log::Level::warn : log::Level::info, "tls_refused",
               {{"address", address}, {"why", stream.error().message}});
    if (impostor && options.impostor) options.impostor(address);
  }
}

// Like any other connection, but with a drain of its own: its peer may lose this Region's trust.
Task<void> Listener::State::serve_link(std::unique_ptr<Stream> stream) {
  const auto link = links.emplace(links.end(), stream.get());
  ConnectionOptions own = options.connection;
  own.drain = &link->drain;
  {
    const Cancellation::Callback on_drain(&drain, [&] { link->drain.request(); });
    co_await serve_h2(std::move(stream), {}, handler, loop, own);
  }
  if (link->cut != 0) loop.cancel(link->cut);
  links.erase(link);
}

Task<void> Listener::State::serve_stream(std::unique_ptr<Stream> stream, std::string already_read) {
  const bool h2 =
      stream->alpn().empty() ? already_read.starts_with(h2_preface) : stream->alpn() == "h2";
  return h2 ? serve_h2(std::move(stream), std::move(already_read), handler, loop,
                       options.connection)
            : serve_h1(std::move(stream), std::move(already_read), handler, loop,
                       options.connection);
}

Listener::Listener(EpollLoop& loop, Descriptor socket, http::Handler& handler,
                   ListenerOptions options)
    : state_(std::make_shared<State>(loop, std::move(socket), handler, std::move(options))) {
  spawn(State::accept_loop(state_));
}

Listener::~Listener() {
  state_->stop_accepting();
}

std::size_t Listener::connections() const {
  return state_->open;
}

void Listener::recheck(const TlsContext& trusted) {
  for (State::Link& link : state_->links) {
    if (link.cut != 0 || link.stream->trusted_by(trusted)) continue;
    log::warn("link_distrusted", {{"peer", link.stream->info().peer_uri}});
    link.drain.request();
    link.cut = state_->loop.call_at(state_->loop.now() + limits::drain_timeout,
                                    [stream = link.stream] { stream->close(); });
  }
}

Task<void> Listener::drain(Duration patience) {
  const auto state = state_;
  state->stop_accepting();
  state->drain.request();
  const MonoTime deadline = state->loop.now() + patience;
  while (state->open > 0) {
    if (co_await state->changed.wait_until(deadline) == Wake::timed_out) state->cut.request();
    if (state->cut.requested()) {
      while (state->open > 0) co_await state->changed.wait();
    }
  }
}

}  // namespace tidegate::net
