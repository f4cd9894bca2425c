// For the tests of net/: a server on a thread of its own with a scripted handler, and a client that
// is only a socket.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "net/listener.hpp"
#include "net/worker_thread.hpp"

namespace tidegate::net::test {

inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::milliseconds patience = 3s) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return holds();
}

// Answers by the path of the target.
class ScriptedHandler final : public http::Handler {
 public:
  explicit ScriptedHandler(Loop& loop) : loop_(loop) {}
  std::atomic<int> served = 0, cancelled = 0, waiting = 0;

  Task<void> serve(http::Exchange& exchange) override {
    const std::string path(exchange.head().path());
    if (path == "/wait") {
      ++waiting;
      if (co_await sleep_for(loop_, 10s, &exchange.cancellation()) == Wake::cancelled) ++cancelled;
    }
    if (path == "/flood") {
      (void)co_await exchange.begin({});
      while (co_await exchange.write(std::string(100'000, 'x'))) {
      }
      ++cancelled;
      exchange.abort();
      co_return;
    }
    if (path == "/throw") throw std::runtime_error("a bug");
    if (path == "/stream") {
      (void)co_await exchange.begin({200, {{"a", "b"}}});
      for (const char* piece : {"one", "two"}) (void)co_await exchange.write(piece);
      (void)co_await exchange.finish("three");
      co_return;
    }
    std::string body =
        path == "/info" ? exchange.connection().peer_uri + " " + exchange.connection().tls_version +
                              " " + (exchange.connection().link_key ? "with a key" : "without")
                        : "";
    while (path != "/early") {
      auto piece = co_await exchange.next_body();
      if (!piece) {
        co_await answer(exchange, piece.error());
        co_return;
      }
      if (piece->empty()) break;
      body += *piece;
    }
    ++served;
    (void)co_await exchange.begin({200, {}});
    (void)co_await exchange.finish(std::move(body));
  }

 private:
  static Task<void> answer(http::Exchange& exchange, Error error) {
    if (error.code == ErrorCode::cancelled) {
      exchange.abort();
      co_return;
    }
    MalformedAnswer bare = malformed_answer({}, error, {});
    (void)co_await exchange.begin(std::move(bare.head));
    (void)co_await exchange.finish(std::move(bare.body));
  }
  Loop& loop_;
};

class Server {
 public:
  explicit Server(ListenerOptions options = {}) {
    auto sockets = listen_tcp("127.0.0.1", 0, 1);
    port = port_of(sockets->front());
    worker.call([&] {
      listener = std::make_unique<Listener>(worker.loop(), std::move(sockets->front()), handler,
                                            std::move(options));
    });
  }
  ~Server() {
    worker.run(listener->drain(50ms));
    worker.call([&] { listener.reset(); });
  }
  std::size_t connections() {
    return worker.call([&] { return listener->connections(); });
  }

  WorkerThread worker{"test"};
  ScriptedHandler handler{worker.loop()};
  std::unique_ptr<Listener> listener;
  std::uint16_t port = 0;
};

// A blocking socket whose every wait is bounded.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (receive_buffer)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void shutdown_write() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }
  // Until `end` has arrived `times` times, or the connection ended.
  std::string receive_until(std::string_view end, int times = 1) {
    std::string all;
    char piece[16384];
    for (;;) {
      int found = 0;
      for (auto at = all.find(end); at != std::string::npos; at = all.find(end, at + 1)) ++found;
      if (found >= times) return all;
      const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
      if (got <= 0) return all;
      all.append(piece, static_cast<std::size_t>(got));
    }
  }
  // True when the other side has closed; what came before is in `before`.
  bool closed(std::string* before = nullptr) {
    char piece[16384];
    for (;;) {
      const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
      if (got <= 0) return got == 0 || errno == ECONNRESET;
      if (before) before->append(piece, static_cast<std::size_t>(got));
    }
  }

 private:
  int fd_;
};

inline int status_of(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::atoi(answer.data() + 9) : 0;
}

}  // namespace tidegate::net::test
