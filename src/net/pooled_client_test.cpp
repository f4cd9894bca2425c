#include "net/pooled_client.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <filesystem>

#include "net/net_test_support.hpp"

namespace tidegate::net::test {
namespace {

const http::ClientTimeouts patient{.connect = 1s, .first_byte = 2s, .idle = 2s};
const http::ClientTimeouts impatient{.connect = 100ms, .first_byte = 100ms, .idle = 100ms};

struct Outcome {
  int status = 0;
  std::string body;
  std::optional<Error> error;
};

Task<void> ask(PooledClient* client, std::string target, std::string body,
               http::ClientTimeouts timeouts, Cancellation* cancellation, Outcome* outcome) {
  auto exchange = co_await client->send({"POST", std::move(target), {{"a", "b"}}, body}, timeouts,
                                        cancellation);
  if (!exchange) {
    outcome->error = std::move(exchange).error();
    co_return;
  }
  auto head = co_await (*exchange)->head();
  if (!head) {
    outcome->error = std::move(head).error();
    co_return;
  }
  outcome->status = head->status;
  for (;;) {
    auto piece = co_await (*exchange)->next_body();
    if (!piece) {
      outcome->error = std::move(piece).error();
      co_return;
    }
    if (piece->empty()) co_return;
    outcome->body += *piece;
  }
}

// A client on a loop of its own, so that the test's thread can be the other side.
class Caller {
 public:
  explicit Caller(Address address, PooledClientOptions options = {}) {
    worker.call([&] { client = std::make_unique<PooledClient>(worker.loop(), address, options); });
  }
  ~Caller() {
    worker.call([&] { client.reset(); });
  }
  Outcome ask(std::string target, std::string body = {}, http::ClientTimeouts timeouts = patient,
              Cancellation* cancellation = nullptr) {
    Outcome outcome;
    worker.run(test::ask(client.get(), std::move(target), std::move(body), timeouts, cancellation,
                         &outcome));
    return outcome;
  }
  std::size_t idle() {
    return worker.call([&] { return client->idle(); });
  }
  WorkerThread worker{"caller"};
  std::unique_ptr<PooledClient> client;
};

Address local(std::uint16_t port) {
  return *Address::tcp("127.0.0.1", port);
}

// Says the given answers, each after it has received a request; a connection that has none left is
// closed. One list of answers a connection.
class ByteServer {
 public:
  explicit ByteServer(std::vector<std::vector<std::string>> connections)
      : socket_(std::move(listen_tcp("127.0.0.1", 0, 1)->front())) {
    ::fcntl(socket_.get(), F_SETFL, 0);
    thread_ = std::thread([this, all = std::move(connections)] {
      for (const auto& answers : all) {
        const Descriptor connection(::accept(socket_.get(), nullptr, nullptr));
        for (const std::string& answer : answers) {
          char request[4096];
          if (::recv(connection.get(), request, sizeof request, 0) <= 0) break;
          ++requests;
          ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        }
      }
    });
  }
  ~ByteServer() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  Address address() const { return local(port_of(socket_)); }
  std::atomic<int> requests = 0;

 private:
  Descriptor socket_;
  std::thread thread_;
};

TEST(PooledClient, UsesItsConnectionAgain) {
  Server server;
  Caller caller(local(server.port));
  for (int i = 0; i < 5; ++i) {
    const auto answer = caller.ask("/echo", "hello");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
  }
  EXPECT_EQ(caller.ask("/stream").body, "onetwothree");
  EXPECT_EQ(server.connections(), 1u);
  EXPECT_EQ(caller.idle(), 1u);
  const std::string large(5'000'000, 'x');
  EXPECT_EQ(caller.ask("/echo", large).body, large);
}

TEST(PooledClient, ReadsEveryFramingAndRefusesWhatIsNone) {
  struct {
    const char* answer;
    int status;
    const char* body;
    std::optional<ErrorCode> error;
  } const table[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", {}},
      {"HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello", {}},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno",
       503,
       "no",
       {}},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
       200,
       "hello",
       {}},
      {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", {}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 200, "hello",
       ErrorCode::model_unavailable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200, "hello",
       ErrorCode::model_unavailable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhellooo\r\n", 200, "",
       ErrorCode::model_error},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 0, "", ErrorCode::model_error},
      {"220 smtp.example\r\n\r\n", 0, "", ErrorCode::model_error},
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "",
       ErrorCode::model_error},
      {"", 0, "", ErrorCode::model_unavailable},
  };
  for (const auto& row : table) {
    ByteServer server({{row.answer}});
    Caller caller(server.address());
    const auto outcome = caller.ask("/");
    EXPECT_EQ(outcome.status, row.status) << row.answer;
    EXPECT_EQ(outcome.body, row.body) << row.answer;
    ASSERT_EQ(outcome.error.has_value(), row.error.has_value()) << row.answer;
    if (!row.error) continue;
    EXPECT_EQ(outcome.error->code, *row.error) << outcome.error->message;
    EXPECT_EQ(outcome.error->origin, Origin::backend);
    EXPECT_EQ(outcome.error->retry, row.status ? Retry::never : Retry::other_region) << row.answer;
  }
}

TEST(PooledClient, SendsAgainOnlyWhereAReusedConnectionBroke) {
  const auto answer = [](const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + body;
  };
  // The second request finds its connection closed without a byte; the fourth after a few bytes.
  ByteServer server({{answer("1"), ""}, {answer("2"), answer("3"), "HTTP/1.1 2"}, {answer("5")}});
  Caller caller(server.address());
  EXPECT_EQ(caller.ask("/").body, "1");
  EXPECT_EQ(caller.idle(), 1u);
  EXPECT_EQ(caller.ask("/").body, "2");
  EXPECT_EQ(caller.ask("/").body, "3");
  const auto broken = caller.ask("/");
  ASSERT_TRUE(broken.error) << broken.body;
  EXPECT_EQ(broken.error->retry, Retry::other_region);
  EXPECT_EQ(caller.ask("/").body, "5");
}

TEST(PooledClient, DoesNotUseWhatWasClosedWhileIdle) {
  ListenerOptions options;
  options.connection.keep_alive_timeout = 30ms;
  Server server(std::move(options));
  Caller caller(local(server.port));
  EXPECT_EQ(caller.ask("/echo", "a").body, "a");
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
  EXPECT_EQ(caller.ask("/echo", "b").body, "b");
  EXPECT_EQ(server.handler.served, 2);
}

TEST(PooledClient, SaysWhenNothingWasSent) {
  auto socket = std::move(listen_tcp("127.0.0.1", 0, 1)->front());
  const std::uint16_t free_port = port_of(socket);
  socket = {};
  Caller caller(local(free_port));
  const auto outcome = caller.ask("/");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::model_unavailable);
  EXPECT_EQ(outcome.error->origin, Origin::backend);
  EXPECT_EQ(outcome.error->retry, Retry::same_region);
}

TEST(PooledClient, TimesOut) {
  Server server;
  Caller caller(local(server.port));
  const auto outcome = caller.ask("/wait", "", impatient);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::model_timeout);
  EXPECT_TRUE(eventually([&] { return server.handler.cancelled == 1; }))
      << "the server is told by the close";
  EXPECT_EQ(caller.idle(), 0u);
}

TEST(PooledClient, CancellationClosesTheConnection) {
  Server server;
  Caller caller(local(server.port));
  Cancellation cancellation;
  std::thread later([&] {
    eventually([&] { return server.handler.waiting == 1; });
    caller.worker.call([&] { cancellation.request(); });
  });
  const auto outcome = caller.ask("/wait", "", patient, &cancellation);
  later.join();
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::cancelled);
  EXPECT_TRUE(eventually([&] { return server.handler.cancelled == 1; }));
  EXPECT_EQ(caller.ask("/echo", "x", patient, &cancellation).error->code, ErrorCode::cancelled);
}

TEST(PooledClient, BoundsTheAnswer) {
  Server server;
  Caller caller(local(server.port), {.answer_bytes_max = 10'000});
  const auto outcome = caller.ask("/flood");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::model_error);
  EXPECT_TRUE(eventually([&] { return server.handler.cancelled == 1; }));
}

TEST(PooledClient, SpeaksOverAUnixSocket) {
  const std::string path = testing::TempDir() + "tidegate-client-test.sock";
  WorkerThread worker("unix");
  ScriptedHandler handler(worker.loop());
  std::unique_ptr<Listener> listener;
  worker.call([&] {
    listener =
        std::make_unique<Listener>(worker.loop(), *listen_unix(path), handler, ListenerOptions{});
  });
  {
    Caller caller(*Address::unix_path(path));
    EXPECT_EQ(caller.ask("/echo", "hello").body, "hello");
    EXPECT_EQ(caller.ask("/echo", "hello").body, "hello");
  }
  worker.run(listener->drain(1s));
  worker.call([&] { listener.reset(); });
  std::filesystem::remove(path);
  Caller nobody(*Address::unix_path(path));
  EXPECT_EQ(nobody.ask("/").error->retry, Retry::same_region);
}

}  // namespace
}  // namespace tidegate::net::test
