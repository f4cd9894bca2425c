#include "net/listener.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

#include "net/net_test_support.hpp"
#include "net/pooled_client.hpp"
#include "net/signals.hpp"

namespace tidegate::net::test {
namespace {

TEST(Listen, SharesOnePortAmongWorkers) {
  const auto sockets = listen_tcp("127.0.0.1", 0, 3);
  ASSERT_TRUE(sockets);
  EXPECT_NE(port_of((*sockets)[0]), 0);
  EXPECT_EQ(port_of((*sockets)[0]), port_of((*sockets)[2]));
}

TEST(Listen, SaysWhyAndWhatToDo) {
  const auto first = listen_tcp("127.0.0.1", 0, 2);
  ASSERT_TRUE(first);
  const auto taken = listen_tcp("127.0.0.1", port_of(first->front()), 2);
  ASSERT_FALSE(taken) << "SO_REUSEPORT must not let a second gateway in";
  EXPECT_EQ(taken.error().code, ErrorCode::configuration);
  EXPECT_TRUE(taken.error().message.contains(std::to_string(port_of(first->front()))));
  EXPECT_TRUE(taken.error().message.contains("in use"));
  EXPECT_FALSE(taken.error().mend.empty());

  EXPECT_TRUE(listen_tcp("192.0.2.1", 0, 1).error().mend.contains("this host has"));
  EXPECT_TRUE(listen_tcp("localhost", 0, 1).error().message.contains("not an IP address"));
}

TEST(Listen, UnixSocketIsItsOwnersAlone) {
  const std::string path = testing::TempDir() + "tidegate-listen-test.sock";
  std::filesystem::remove(path);
  {
    const auto socket = listen_unix(path);
    ASSERT_TRUE(socket) << socket.error().message;
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_FALSE(listen_unix(path)) << "somebody serves it";
  }
  EXPECT_TRUE(listen_unix(path)) << "a dead process left it behind";
  std::filesystem::remove(path);
  EXPECT_FALSE(listen_unix(std::string(200, 'a')));
}

TEST(Listener, KeepsThoseAboveItsLimitWaiting) {
  ListenerOptions options;
  options.connections_max = 2;
  Server server(std::move(options));
  Client first(server.port), second(server.port), third(server.port);
  ASSERT_TRUE(eventually([&] { return server.connections() == 2; }));
  third.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(server.connections(), 2u);
  EXPECT_EQ(server.handler.served, 0);
  first.close();
  EXPECT_EQ(status_of(third.receive_until("\r\n\r\n")), 200);
}

TEST(Listener, WaitsOutALackOfDescriptors) {
  Server server;
  rlimit former{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &former), 0);
  Client client(server.port);  // in the kernel's queue or accepted already
  client.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(status_of(client.receive_until("\r\n\r\n")), 200);
  // The next descriptor of the process is its last: the client takes it, so the server has none to
  // accept with.
  const int next = ::dup(0);
  ::close(next);
  const rlimit tight{static_cast<rlim_t>(next) + 1, former.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  Client starved(server.port);
  starved.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(server.handler.served, 1);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &former), 0);
  EXPECT_EQ(status_of(starved.receive_until("\r\n\r\n")), 200);
}

TEST(Listener, SpeaksHttp2ToWhoBeginsWithItsPreface) {
  Server server;
  Client client(server.port);
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  client.send(preface.substr(0, 10));
  std::this_thread::sleep_for(5ms);
  client.send(preface.substr(10) + std::string("\0\0\0\4\0\0\0\0\0", 9));
  const std::string frame = client.receive_until(std::string("\4\0\0\0\0\0", 6));
  ASSERT_GE(frame.size(), 9u);
  EXPECT_EQ(frame[3], 4) << "SETTINGS";
}

TEST(Listener, CutsWhatDoesNotFinishInTime) {
  Server server;
  Client client(server.port);
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return server.connections() == 1; }));
  const auto start = std::chrono::steady_clock::now();
  server.worker.run(server.listener->drain(100ms));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
  EXPECT_EQ(server.connections(), 0u);
}

TEST(Signals, ArriveAsCallsOnTheLoop) {
  WorkerThread worker("signals");
  std::atomic<int> last = 0;
  std::unique_ptr<SignalWatch> watch;
  worker.call([&] {
    watch =
        std::make_unique<SignalWatch>(worker.loop(), std::initializer_list<int>{SIGHUP, SIGTERM},
                                      [&](int signal) { last = signal; });
  });
  ::kill(::getpid(), SIGHUP);
  EXPECT_TRUE(eventually([&] { return last == SIGHUP; }));
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(eventually([&] { return last == SIGTERM; }));
  worker.call([&] { watch.reset(); });
}

}  // namespace
}  // namespace tidegate::net::test
