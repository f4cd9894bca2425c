#include "net/dial.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "net/tls_stream.hpp"

namespace tidegate::net {
namespace {

Error cannot_connect(const Address& address, std::string_view why) {
  return Error{.code = ErrorCode::peer_unavailable,
               .origin = Origin::peer,
               .retry = Retry::same_region,
               .message = fmt::format("cannot connect to {}: {}", address.to_string(), why),
               .mend = {},
               .why = {}};
}

Error cancelled() {
  return Error{.code = ErrorCode::cancelled,
               .origin = Origin::client,
               .message = "cancelled",
               .mend = {},
               .why = {}};
}

}  // namespace

Task<Result<std::unique_ptr<SocketStream>>> dial(EpollLoop& loop, Address address, Duration timeout,
                                                 Cancellation* cancellation) {
  if (cancellation && cancellation->requested()) co_return fail(cancelled());
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool begun =
      socket && (::connect(socket.get(), address.native(), address.native_size()) == 0 ||
                 errno == EINPROGRESS);
  // A Unix socket whose backlog is full says EAGAIN: as good as refused.
  if (!begun) co_return fail(cannot_connect(address, std::generic_category().message(errno)));

  auto stream = std::make_unique<SocketStream>(loop, std::move(socket), address);
  bool timed_out = false;
  const TimerId timer = loop.call_at(loop.now() + timeout, [&timed_out, raw = stream.get()] {
    timed_out = true;
    raw->close();
  });
  int error = 0;
  {
    Cancellation::Callback on_cancel(cancellation, [raw = stream.get()] { raw->close(); });
    error = co_await stream->connected();
  }
  loop.cancel(timer);
  if (cancellation && cancellation->requested()) co_return fail(cancelled());
  if (timed_out) co_return fail(cannot_connect(address, "it does not answer"));
  if (error != 0) co_return fail(cannot_connect(address, std::generic_category().message(error)));
  co_return std::move(stream);
}

Task<Result<std::unique_ptr<Stream>>> dial_server(EpollLoop& loop, Address address,
                                                  std::shared_ptr<const TlsContext> context,
                                                  std::string name, Duration timeout,
                                                  Cancellation* cancellation) {
  const MonoTime deadline = loop.now() + timeout;
  auto socket = co_await dial(loop, address, timeout, cancellation);
  if (!socket) co_return fail(std::move(socket).error());
  Cancellation::Callback on_cancel(cancellation, [raw = socket->get()] { raw->close(); });
  auto stream = co_await TlsStream::connect_to(loop, *std::move(socket), std::move(context),
                                               std::move(name), deadline - loop.now());
  if (!stream && cancellation && cancellation->requested()) co_return fail(cancelled());
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> dial_peer(EpollLoop& loop, Address address,
                                                std::shared_ptr<const TlsContext> context,
                                                catalog::RegionId region, Duration timeout,
                                                Cancellation* cancellation) {
  const MonoTime deadline = loop.now() + timeout;
  auto socket = co_await dial(loop, address, timeout, cancellation);
  if (!socket) co_return fail(std::move(socket).error());
  Cancellation::Callback on_cancel(cancellation, [raw = socket->get()] { raw->close(); });
  auto stream = co_await TlsStream::connect(loop, *std::move(socket), std::move(context),
                                            std::move(region), deadline - loop.now());
  if (!stream && cancellation && cancellation->requested()) co_return fail(cancelled());
  co_return stream;
}

}  // namespace tidegate::net
