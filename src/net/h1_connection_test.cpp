#include <gtest/gtest.h>

#include "net/net_test_support.hpp"

namespace tidegate::net::test {
namespace {

ListenerOptions impatient() {
  ListenerOptions options;
  options.connection.header_timeout = 150ms;
  options.connection.body_idle_timeout = 150ms;
  options.connection.write_idle_timeout = 200ms;
  options.connection.keep_alive_timeout = 300ms;
  return options;
}

const std::string host = " HTTP/1.1\r\nHost: a\r\n";

TEST(H1Connection, AnswersBytesThatAreNoRequestAndCloses) {
  Server server;
  struct {
    const char* name;
    std::string bytes;
    int status;
  } const table[] = {
      {"not HTTP", std::string("\0\1\2 what is this\r\n\r\n", 20), 400},
      {"smuggling",
       "POST /echo" + host +
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
       400},
      {"no host", "GET /echo HTTP/1.1\r\n\r\n", 400},
      {"bare LF", "GET /echo HTTP/1.1\nHost: a\n\n", 400},
      {"proxy form", "GET http://a/echo" + host + "\r\n", 400},
      {"other version", "GET /echo HTTP/9.9\r\nHost: a\r\n\r\n", 400},
      {"chunk size", "POST /echo" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"header bomb", "GET /echo" + host + "a: " + std::string(60'000, 'b') + "\r\n\r\n", 431},
      {"target", "GET /" + std::string(20'000, 'b') + host + "\r\n", 431},
      {"body too large",
       "POST /echo" + host + "Content-Length: 25000001\r\n\r\n" + std::string(200'000, 'b'), 413},
  };
  for (const auto& row : table) {
    Client client(server.port);
    client.send(row.bytes);
    std::string answer;
    EXPECT_TRUE(client.closed(&answer)) << row.name;
    EXPECT_EQ(status_of(answer), row.status) << row.name << ": " << answer;
    EXPECT_TRUE(answer.contains("connection: close\r\n")) << row.name;
    EXPECT_EQ(answer.find("HTTP/1.1 4", 1), std::string::npos)
        << row.name << ": one answer, nothing behind it";
  }
}

TEST(H1Connection, ShapesItsOwnAnswersAsTheCallerSays) {
  ListenerOptions options;
  options.connection.malformed = [](const Error& error, std::string_view target) {
    return MalformedAnswer{
        {418, {{"x-code", std::string(name_of(error.code))}, {"x-target", target}}}, "{}"};
  };
  Server server(std::move(options));
  Client client(server.port);
  client.send("GET /a%2Fb HTTP/1.2\r\n\r\n");
  const std::string answer = client.receive_until("{}");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 418 "));
  EXPECT_TRUE(answer.contains("x-target: /a%2Fb\r\n"));
  EXPECT_TRUE(answer.contains("x-code: malformed_http\r\n") && answer.contains("\r\ndate: "));
}

TEST(H1Connection, KeepsTheConnectionAndAnswersInOrder) {
  Server server;
  Client client(server.port);
  for (int i = 0; i < 3; ++i) {
    client.send("POST /echo" + host + "Content-Length: 5\r\n\r\nhello");
    EXPECT_TRUE(client.receive_until("hello").contains("content-length: 5\r\n"));
  }
  std::string pipeline;
  for (int i = 0; i < 50; ++i)
    pipeline += "POST /echo" + host + "Content-Length: 2\r\n\r\n" + std::to_string(10 + i);
  client.send(pipeline);
  const std::string answers = client.receive_until("\r\n\r\n59");
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) at = answers.find("\r\n\r\n" + std::to_string(10 + i), at);
  EXPECT_NE(at, std::string::npos);
  EXPECT_EQ(server.connections(), 1u);
}

TEST(H1Connection, FramesAStream) {
  Server server;
  Client client(server.port);
  client.send("GET /stream" + host + "\r\n");
  const std::string answer = client.receive_until("0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"))
      << answer;
  Client old(server.port);
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  std::string old_answer;
  EXPECT_TRUE(old.closed(&old_answer));
  EXPECT_TRUE(old_answer.ends_with("\r\n\r\nonetwothree")) << old_answer;
}

TEST(H1Connection, TakesBodiesInAnyPieces) {
  Server server;
  const std::string large(3'000'000, 'x');
  Client client(server.port);
  std::thread sender(
      [&] { client.send("POST /echo" + host + "Content-Length: 3000000\r\n\r\n" + large); });
  const std::string answer = client.receive_until(large);
  sender.join();
  EXPECT_TRUE(answer.ends_with(large));

  const std::string chunked =
      "POST /echo" + host +
      "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: x\r\n\r\n";
  for (const char byte : chunked) client.send({&byte, 1});
  EXPECT_TRUE(client.receive_until("hello world").contains("content-length: 11\r\n"));
}

TEST(H1Connection, SaysContinueOnlyWhenTheBodyIsWanted) {
  Server server;
  const std::string expect = host + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
  Client wanted(server.port);
  wanted.send("POST /echo" + expect);
  EXPECT_EQ(wanted.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wanted.send("hello");
  EXPECT_EQ(status_of(wanted.receive_until("hello")), 200);

  Client unwanted(server.port);
  unwanted.send("POST /early" + expect);
  std::string answer = unwanted.receive_until("\r\n\r\n");
  unwanted.shutdown_write();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_TRUE(answer.contains("connection: close"))
      << "the body may or may not follow: nobody can know";
  EXPECT_TRUE(unwanted.closed());
}

TEST(H1Connection, DiscardsASmallBodyThatNobodyReadAndClosesOnALargeOne) {
  Server server;
  Client client(server.port);
  client.send("POST /early" + host + "Content-Length: 1000\r\n\r\n");
  EXPECT_FALSE(client.receive_until("\r\n\r\n").contains("connection: close"));
  client.send(std::string(1'000, 'x') + "POST /echo" + host + "Content-Length: 5\r\n\r\nhello");
  EXPECT_EQ(status_of(client.receive_until("hello")), 200);

  Client large(server.port);
  large.send("POST /early" + host + "Content-Length: 10000000\r\n\r\n" + std::string(500'000, 'x'));
  EXPECT_TRUE(large.receive_until("\r\n\r\n").contains("connection: close"));
}

TEST(H1Connection, NoticesAClientThatGoesAway) {
  Server server;
  for (const bool tidy : {true, false}) {
    const int before = server.handler.cancelled;
    Client client(server.port);
    client.send("GET /wait" + host + "\r\n");
    ASSERT_TRUE(eventually([&] { return server.handler.waiting == before + 1; }));
    const linger reset{.l_onoff = 1, .l_linger = 0};
    if (!tidy) ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    client.close();
    EXPECT_TRUE(eventually([&] { return server.handler.cancelled == before + 1; })) << tidy;
  }
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
}

TEST(H1Connection, AnswersAClientThatOnlyHalfCloses) {
  Server server;
  Client client(server.port);
  client.send("GET /echo" + host + "\r\n");
  client.shutdown_write();
  std::string answer;
  EXPECT_TRUE(client.closed(&answer));
  EXPECT_EQ(status_of(answer), 200);
}

TEST(H1Connection, HasNoPatienceWithHalfARequest) {
  Server server(impatient());
  struct {
    const char* name;
    std::string bytes;
    int status;  // 0: closed without a word
  } const table[] = {
      {"nothing", "", 0},
      {"half a head", "POST /echo HTTP/1.1\r\nHo", 408},
      {"half a body", "POST /echo" + host + "Content-Length: 5\r\n\r\nhe", 408},
      {"half a chunk", "POST /echo" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhe", 408},
  };
  for (const auto& row : table) {
    Client client(server.port);
    client.send(row.bytes);
    // Drops that come in time for themselves do not buy more for the head.
    std::string answer = row.status == 0 ? "" : client.receive_until("\r\n\r\n");
    client.shutdown_write();
    EXPECT_TRUE(client.closed()) << row.name;
    EXPECT_EQ(status_of(answer), row.status) << row.name;
  }
  Client idle(server.port);
  idle.send("GET /echo" + host + "\r\n");
  idle.receive_until("\r\n\r\n");
  EXPECT_TRUE(idle.closed()) << "an idle connection ends";
}

TEST(H1Connection, ClosesOnAClientThatNeverReads) {
  Server server(impatient());
  Client client(server.port, 4'096);
  client.send("GET /flood" + host + "\r\n");
  EXPECT_TRUE(eventually([&] { return server.handler.cancelled == 1; }));
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
}

TEST(H1Connection, SurvivesABugInAHandler) {
  Server server;
  Client client(server.port);
  client.send("GET /throw" + host + "\r\n");
  EXPECT_TRUE(client.closed());
  Client next(server.port);
  next.send("GET /echo" + host + "\r\n");
  EXPECT_EQ(status_of(next.receive_until("\r\n\r\n")), 200);
}

TEST(H1Connection, DrainsIdleAtOnceAndBusyAfterTheirAnswer) {
  Server server;
  Client idle(server.port), busy(server.port);
  idle.send("GET /echo" + host + "\r\n");
  idle.receive_until("\r\n\r\n");
  busy.send("POST /echo" + host + "Content-Length: 5\r\n\r\nhel");
  ASSERT_TRUE(eventually([&] { return server.connections() == 2; }));
  std::thread drain([&] { server.worker.run(server.listener->drain(5s)); });
  EXPECT_TRUE(idle.closed());
  busy.send("lo");
  std::string answer;
  EXPECT_TRUE(busy.closed(&answer));
  EXPECT_TRUE(answer.ends_with("hello") && answer.contains("connection: close\r\n")) << answer;
  drain.join();
  EXPECT_EQ(server.connections(), 0u);
}

}  // namespace
}  // namespace tidegate::net::test
