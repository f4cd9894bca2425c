// A connected socket, TCP or Unix, as a Stream. Readiness is remembered from the edges that the
// loop reports: a read that came back short has emptied the socket, so the next one waits for an
// edge instead of asking the kernel again.
#pragma once

#include "net/address.hpp"
#include "net/epoll_loop.hpp"
#include "net/stream.hpp"

namespace tidegate::net {

class SocketStream final : public Stream, private EpollLoop::Watcher {
 public:
  // A connected, non-blocking socket, or one whose connect() is under way.
  SocketStream(EpollLoop& loop, Descriptor socket, const Address& remote);
  ~SocketStream() override { close(); }

  Task<Result<std::size_t>> read(std::span<char> into) override;
  Task<Result<void>> write(std::string_view first, std::string_view second = {}) override;
  void shutdown_write() override;
  void close() override;
  const http::ConnectionInfo& info() const override { return info_; }
  std::string_view alpn() const override { return {}; }

  // Suspends until connect() has ended; an errno, 0 for success.
  Task<int> connected();
  // One attempt that never waits: for what may be lost, such as TLS's farewell.
  void send_now(std::string_view bytes);
  bool quiet() override;

 private:
  struct Edge {
    std::coroutine_handle<>& waiter;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept { waiter = handle; }
    void await_resume() const noexcept {}
  };
  void on_ready(EpollLoop::Readiness now) override;
  void wake(std::coroutine_handle<>& waiter);

  EpollLoop& loop_;
  Descriptor socket_;
  http::ConnectionInfo info_;
  std::coroutine_handle<> reader_, writer_;
  bool readable_ = false;
  bool writable_ = false;
  bool hang_up_ =
      false;  // the end may follow the data without an edge of its own: read until it is seen
};

// The error that a broken or closed stream reports.
Error broken(std::string why);

}  // namespace tidegate::net
