// serve_h2() and H2Channel against each other over a connection in memory, in virtual time: no
// socket, no sleep.
#include "net/h2_connection.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "base/limits.hpp"
#include "base/virtual_loop.hpp"
#include "net/h2_channel.hpp"
#include "net/memory_stream.hpp"

namespace tidegate::net {
namespace {

constexpr http::ClientTimeouts patient{.connect = 2s, .first_byte = 60s, .idle = 30s};

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + i / 977) & 0xff);
  return bytes;
}

// Answers by the target's path.
class Scripted final : public http::Handler {
 public:
  explicit Scripted(Loop& loop) : loop_(loop) {}

  Task<void> serve(http::Exchange& exchange) override {
    ++running;
    most_running = std::max(most_running, running);
    const auto path = exchange.head().path();
    if (path == "/echo") {
      co_await echo(exchange);
    } else if (path == "/slow") {
      co_await slow(exchange);
    } else if (path == "/flood") {
      co_await flood(exchange);
    } else if (path == "/abort") {
      (void)co_await exchange.begin({200, {}});
      (void)co_await exchange.write("half");
      co_await sleep_for(loop_, 1ms);
      exchange.abort();
    } else if (path == "/throw") {
      throw std::runtime_error("a bug");
    } else if (path == "/deny") {
      (void)co_await exchange.begin({403, {}});
      (void)co_await exchange.finish("denied");
    }
    --running;
  }

  int running = 0, most_running = 0, cancelled = 0;
  std::size_t flooded = 0;
  std::optional<Error> body_error;

 private:
  Task<void> echo(http::Exchange& exchange) {
    std::string body;
    for (;;) {
      auto piece = co_await exchange.next_body();
      if (!piece) {
        body_error = piece.error();
        exchange.abort();
        co_return;
      }
      if (piece->empty()) break;
      body += *piece;
    }
    (void)co_await exchange.begin({200, {{"x-size", std::to_string(body.size())}}});
    (void)co_await exchange.finish(std::move(body));
  }
  Task<void> slow(http::Exchange& exchange) {
    if (co_await sleep_for(loop_, 10s, &exchange.cancellation()) == Wake::cancelled) {
      ++cancelled;
      co_return;
    }
    (void)co_await exchange.begin({200, {}});
    (void)co_await exchange.finish("late");
  }
  Task<void> flood(http::Exchange& exchange) {
    (void)co_await exchange.begin({200, {}});
    for (int i = 0; i < 1'000; ++i) {
      if (!co_await exchange.write(std::string(10'000, 'x'))) co_return;
      flooded += 10'000;
    }
    (void)co_await exchange.finish("");
  }
  Loop& loop_;
};

struct Answer {
  std::optional<Error> error;
  http::ResponseHead head;
  std::string body;
  bool done = false;
};

Task<void> fetch(std::shared_ptr<http::Channel> channel, std::string target, std::string body,
                 Answer* answer, http::ClientTimeouts timeouts = patient,
                 Cancellation* cancellation = nullptr) {
  auto exchange =
      co_await channel->send({"POST", std::move(target), {}, body}, timeouts, cancellation);
  if (exchange) {
    auto head = co_await (*exchange)->head();
    if (head) {
      answer->head = *std::move(head);
      for (;;) {
        auto piece = co_await (*exchange)->next_body();
        if (!piece) answer->error = piece.error();
        if (!piece || piece->empty()) break;
        answer->body += *piece;
      }
    } else {
      answer->error = head.error();
    }
  } else {
    answer->error = exchange.error();
  }
  answer->done = true;
}

Task<void> serve_and_note(std::unique_ptr<Stream> stream, http::Handler* handler, Loop* loop,
                          const ConnectionOptions* options, bool* ended) {
  co_await serve_h2(std::move(stream), {}, *handler, *loop, *options);
  *ended = true;
}

class H2ConnectionTest : public testing::Test {
 protected:
  void connect(MemoryStream::Options how = {}) {
    auto [client, server] = MemoryStream::make_pair(loop, how);
    client_end = client.get();
    server_end = server.get();
    spawn(serve_and_note(std::move(server), &handler, &loop, &options, &ended));
    channel = H2Channel::start(loop, std::move(client), {.authority = "test"});
  }
  void TearDown() override {
    if (channel) channel->close();
    loop.run_for(100s);
    EXPECT_EQ(handler.running, 0);
  }
  Answer& start(std::string target, http::ClientTimeouts timeouts = patient,
                Cancellation* cancellation = nullptr) {
    spawn(fetch(channel, std::move(target), {}, &started.emplace_back(), timeouts, cancellation));
    return started.back();
  }
  Answer get(std::string target, std::string body = {}, http::ClientTimeouts timeouts = patient) {
    Answer answer;
    spawn(fetch(channel, std::move(target), std::move(body), &answer, timeouts));
    EXPECT_TRUE(loop.run_while_not([&] { return answer.done; }, 120s));
    return answer;
  }

  VirtualLoop loop;
  Scripted handler{loop};
  ConnectionOptions options;
  MemoryStream* client_end = nullptr;
  MemoryStream* server_end = nullptr;
  std::shared_ptr<H2Channel> channel;
  bool ended = false;
  std::deque<Answer> started;  // these outlive the tests, whose last requests end in TearDown()
  Cancellation drain, cancel;
};

TEST_F(H2ConnectionTest, EchoesWithHeadersAndDate) {
  connect();
  const Answer answer = get("/echo?a=b", "hello");
  ASSERT_FALSE(answer.error);
  EXPECT_EQ(answer.head.status, 200);
  EXPECT_EQ(answer.head.headers.get("x-size"), "5");
  EXPECT_TRUE(answer.head.headers.get("date"));
  EXPECT_EQ(answer.body, "hello");
}

TEST_F(H2ConnectionTest, ALinkHasNoDate) {
  options.h2_profile = http::H2Profile::peer_link;
  connect();
  const Answer answer = get("/echo", "hello");
  ASSERT_FALSE(answer.error);
  EXPECT_FALSE(answer.head.headers.get("date"));
}

TEST_F(H2ConnectionTest, AnAnswerLeavesInOneWrite) {
  connect();
  get("/echo", "warm up");
  const std::size_t before = server_end->writes();
  get("/echo", "hello");
  EXPECT_EQ(server_end->writes() - before, 1u);
}

TEST_F(H2ConnectionTest, CarriesTwentyMegabytesBothWays) {
  connect();
  const std::string body = pattern(20'000'000);
  const Answer answer = get("/echo", body);
  ASSERT_FALSE(answer.error);
  EXPECT_TRUE(answer.body == body);
}

TEST_F(H2ConnectionTest, RefusesABodyBeyondTheLimit) {
  connect();
  const Answer answer = get("/echo", std::string(limits::body_bytes_max + 1, 'x'));
  ASSERT_TRUE(answer.error);
  ASSERT_TRUE(handler.body_error);
  EXPECT_EQ(handler.body_error->code, ErrorCode::body_too_large);
}

TEST_F(H2ConnectionTest, AnEarlyAnswerReachesAClientThatIsStillSending) {
  connect();
  const Answer answer = get("/deny", pattern(5'000'000));
  ASSERT_FALSE(answer.error);
  EXPECT_EQ(answer.head.status, 403);
  EXPECT_EQ(answer.body, "denied");
  EXPECT_EQ(get("/echo", "next").body, "next");  // the connection has survived
}

TEST_F(H2ConnectionTest, ServesManyAtOnceAndLetsTheRestWait) {
  connect();
  // the server takes 256 at once
  http::ClientTimeouts timeouts = patient;
  timeouts.connect = 40s;
  loop.run_for(1ms);
  for (int i = 0; i < 1'000; ++i) start("/slow", timeouts);
  loop.run_for(45s);
  for (const Answer& answer : started) ASSERT_EQ(answer.body, "late");
  EXPECT_EQ(handler.most_running, static_cast<int>(limits::h2_streams_max));
}

TEST_F(H2ConnectionTest, WaitingForAStreamEnds) {
  connect();
  loop.run_for(1ms);
  for (std::size_t i = 0; i <= limits::h2_streams_max; ++i) start("/slow");
  loop.run_for(3s);
  ASSERT_TRUE(started.back().error);
  EXPECT_EQ(started.back().error->retry, Retry::same_region);
  EXPECT_EQ(started.back().error->origin, Origin::peer);
}

TEST_F(H2ConnectionTest, AWriterWaitsForItsReader) {
  connect();
  auto exchange = std::make_shared<std::unique_ptr<http::ClientExchange>>();
  spawn([](std::shared_ptr<http::Channel> on, decltype(exchange) into) -> Task<void> {
    auto sent = co_await on->send({"GET", "/flood", {}, {}}, patient, nullptr);
    *into = *std::move(sent);
    (void)co_await (*into)->head();
  }(channel, exchange));
  loop.run_for(10s);  // nobody reads the body
  EXPECT_GT(handler.flooded, 500'000u);
  EXPECT_LT(handler.flooded,
            limits::link_stream_window + 2 * limits::write_high_bytes + 64 * 1024 + 10'000);
  EXPECT_EQ(handler.running, 1);
  loop.run_for(70s);  // longer than write_idle_timeout
  EXPECT_EQ(handler.running, 0);
  exchange->reset();
}

TEST_F(H2ConnectionTest, AClientThatGoesCancelsTheWork) {
  connect();
  const Answer& answer = start("/slow", patient, &cancel);
  loop.run_for(1s);
  EXPECT_EQ(handler.running, 1);
  cancel.request();
  loop.run_for(10ms);
  EXPECT_EQ(answer.error->code, ErrorCode::cancelled);
  EXPECT_EQ(handler.cancelled, 1);
  EXPECT_EQ(handler.running, 0);
  EXPECT_TRUE(channel->usable());
}

TEST_F(H2ConnectionTest, ABrokenConnectionCancelsEverything) {
  connect();
  for (int i = 0; i < 5; ++i) start("/slow");
  loop.run_for(1s);
  channel->close();
  loop.run_for(10ms);
  EXPECT_EQ(handler.cancelled, 5);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(channel->usable());
  for (const Answer& answer : started) {
    ASSERT_TRUE(answer.error);
    EXPECT_EQ(answer.error->retry, Retry::other_region);
    EXPECT_EQ(answer.error->code, ErrorCode::peer_unavailable);
  }
  const Answer after = get("/echo");
  EXPECT_EQ(after.error->retry, Retry::same_region);  // nothing was sent
}

TEST_F(H2ConnectionTest, ABugCostsOneExchange) {
  connect();
  EXPECT_TRUE(get("/throw").error);
  --handler.running;                          // the exception skipped it
  EXPECT_TRUE(get("/nothing-at-all").error);  // a handler that answers nothing
  EXPECT_TRUE(get("/abort").error);
  EXPECT_EQ(get("/echo", "fine").body, "fine");
}

TEST_F(H2ConnectionTest, TimeOutsOfTheClient) {
  connect();
  const Answer answer = get("/slow", {}, {.connect = 1s, .first_byte = 2s, .idle = 1s});
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->retry, Retry::other_region);
  loop.run_for(10ms);
  EXPECT_EQ(handler.cancelled, 1);  // the exchange was destroyed: RST_STREAM
}

TEST_F(H2ConnectionTest, DrainFinishesWhatIsUnderWayAndSaysGoaway) {
  options.drain = &drain;
  connect({.latency = 10ms});
  const Answer& answer = start("/slow");
  loop.run_for(1s);
  drain.request();
  loop.run_for(1s);
  EXPECT_FALSE(channel->usable());
  EXPECT_FALSE(ended);
  EXPECT_EQ(get("/echo").error->retry, Retry::same_region);
  loop.run_for(10s);
  EXPECT_EQ(answer.body, "late");
  EXPECT_TRUE(ended);
}

TEST_F(H2ConnectionTest, IdleConnectionsEnd) {
  options.keep_alive_timeout = 5s;
  connect();
  get("/echo", "x");
  loop.run_for(4s);
  EXPECT_TRUE(channel->usable());
  loop.run_for(3s);
  EXPECT_FALSE(channel->usable());
  EXPECT_TRUE(ended);
}

TEST_F(H2ConnectionTest, ASilentClientIsClosed) {
  auto [client, server] = MemoryStream::make_pair(loop, {});
  spawn(serve_and_note(std::move(server), &handler, &loop, &options, &ended));
  loop.run_for(12s);
  EXPECT_TRUE(ended);
}

TEST_F(H2ConnectionTest, APeerThatFallsSilentIsClosedAndItsWorkCancelled) {
  options.h2_profile = http::H2Profile::peer_link;
  auto [client, server] = MemoryStream::make_pair(loop, {});
  spawn(serve_and_note(std::move(server), &handler, &loop, &options, &ended));
  http::H2Session session(http::H2Role::client, http::H2Profile::peer_link);
  http::RequestHead head;
  head.method = "POST";
  head.target = "/slow";
  head.authority = "test";
  std::string bytes;
  ASSERT_TRUE(session.request(head, "https", {}));
  session.output(bytes, 1 << 20);
  spawn([](MemoryStream* to, std::string what) -> Task<void> { (void)co_await to->write(what); }(
                                                   client.get(), bytes));
  loop.run_for(9s);
  EXPECT_EQ(handler.running, 1);
  loop.run_for(3s);
  EXPECT_TRUE(ended);
}

TEST_F(H2ConnectionTest, ALinkWithoutPongIsDead) {
  auto [client, server] = MemoryStream::make_pair(loop, {});
  channel = H2Channel::start(loop, std::move(client), {.authority = "test"});
  loop.run_for(4s);
  EXPECT_TRUE(channel->usable());
  loop.run_for(2s);
  EXPECT_FALSE(channel->usable());
}

TEST_F(H2ConnectionTest, MeasuresTheRoundTrip) {
  connect({.latency = 15ms});
  EXPECT_EQ(channel->rtt(), Duration{0});
  loop.run_for(5s);
  EXPECT_EQ(channel->rtt(), 30ms);
}

TEST_F(H2ConnectionTest, HeadersBeyondTheLimitAreAnswered) {
  options.malformed = [](const Error& error, std::string_view) {
    return MalformedAnswer{{error.code == ErrorCode::headers_too_large ? 431 : 400, {}},
                           "too much"};
  };
  connect();
  const Answer answer = get("/" + std::string(limits::target_bytes_max, 'a'));
  ASSERT_FALSE(answer.error);
  EXPECT_EQ(answer.head.status, 431);
  EXPECT_EQ(answer.body, "too much");
  EXPECT_EQ(get("/echo", "next").body, "next");
}

}  // namespace
}  // namespace tidegate::net
