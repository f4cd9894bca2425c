#include "net/socket_stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace tidegate::net {

Error broken(std::string why) {
  return Error{.code = ErrorCode::cancelled,
               .origin = Origin::client,
               .message = "The connection is closed.",
               .mend = {},
               .why = std::move(why)};
}

namespace {
std::string text_of(int error) {
  return std::generic_category().message(error);
}
}  // namespace

SocketStream::SocketStream(EpollLoop& loop, Descriptor socket, const Address& remote)
    : loop_(loop), socket_(std::move(socket)) {
  info_.remote_address = remote.host();
  if (remote.family() != AF_UNIX) {
    // Without it a small write waits for the acknowledgement of the one before: 40 ms with some
    // peers.
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (!loop_.watch(socket_.get(), this)) socket_.reset();
}

void SocketStream::on_ready(EpollLoop::Readiness now) {
  hang_up_ |= now.hang_up;
  if (now.readable) {
    readable_ = true;
    wake(reader_);
  }
  if (now.writable) {
    writable_ = true;
    wake(writer_);
  }
}

void SocketStream::wake(std::coroutine_handle<>& waiter) {
  if (auto handle = std::exchange(waiter, nullptr)) loop_.resume_soon(handle);
}

Task<Result<std::size_t>> SocketStream::read(std::span<char> into) {
  for (;;) {
    while (socket_ && !readable_) co_await Edge{reader_};
    if (!socket_) co_return fail(broken("closed here"));
    const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), 0);
    if (got >= 0) {
      readable_ = hang_up_ || static_cast<std::size_t>(got) == into.size();
      co_await loop_.step_end();
      co_return static_cast<std::size_t>(got);
    }
    if (errno == EAGAIN) {
      readable_ = false;
    } else if (errno != EINTR) {
      co_return fail(broken(text_of(errno)));
    }
  }
}

namespace {
// In one call of the kernel. Two small pieces are put together first: it is cheaper than to tell
// the kernel of two.
ssize_t send_both(int socket, std::string_view first, std::string_view second) {
  thread_local std::array<char, 4096> together;
  if (!first.empty() && !second.empty()) {
    const std::size_t size = first.size() + second.size();
    if (size > together.size()) {
      std::array<iovec, 2> parts{iovec{const_cast<char*>(first.data()), first.size()},
                                 iovec{const_cast<char*>(second.data()), second.size()}};
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = parts.size();
      return ::sendmsg(socket, &message, MSG_NOSIGNAL);
    }
    std::memcpy(together.data(), first.data(), first.size());
    std::memcpy(together.data() + first.size(), second.data(), second.size());
    first = {together.data(), size};
  } else if (first.empty()) {
    first = second;
  }
  return ::send(socket, first.data(), first.size(), MSG_NOSIGNAL);
}
}  // namespace

Task<Result<void>> SocketStream::write(std::string_view first, std::string_view second) {
  co_await loop_.step_end();
  while (!first.empty() || !second.empty()) {
    while (socket_ && !writable_) co_await Edge{writer_};
    if (!socket_) co_return fail(broken("closed here"));
    const ssize_t sent = send_both(socket_.get(), first, second);
    if (sent < 0) {
      if (errno == EAGAIN) {
        writable_ = false;
      } else if (errno != EINTR) {
        co_return fail(broken(text_of(errno)));
      }
      continue;
    }
    const auto done = static_cast<std::size_t>(sent);
    const std::size_t of_first = std::min(done, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(done - of_first);
    if (!first.empty() || !second.empty()) writable_ = false;  // a short send has filled the socket
  }
  co_return Result<void>{};
}

Task<int> SocketStream::connected() {
  while (socket_ && !writable_) co_await Edge{writer_};
  if (!socket_) co_return ECANCELED;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  co_return error;
}

void SocketStream::send_now(std::string_view bytes) {
  if (socket_ && writable_)
    ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool SocketStream::quiet() {
  if (!socket_ || hang_up_) return false;
  // A read that just filled its buffer cannot know whether more is there.
  char byte;
  if (readable_ && ::recv(socket_.get(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN)
    readable_ = false;
  return !readable_;
}

void SocketStream::shutdown_write() {
  if (socket_) ::shutdown(socket_.get(), SHUT_WR);
}

void SocketStream::close() {
  if (socket_) loop_.unwatch(socket_.get());
  socket_.reset();
  wake(reader_);
  wake(writer_);
}

}  // namespace tidegate::net
