// A client session and a server session that talk in memory: bodies larger than every window,
// resets, GOAWAY with streams open, and the limits of headers.
#include "http/h2_session.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/limits.hpp"

namespace tidegate::http {
namespace {

MonoTime at(Duration since_start) {
  return MonoTime(std::chrono::hours(1)) + since_start;
}

RequestHead post(std::string target = "/model/a%3A0/converse") {
  RequestHead head;
  head.method = "POST";
  head.target = std::move(target);
  head.authority = "bedrock.test:8443";
  head.headers = {{"Content-Type", "application/json"}, {"X-Amz-Date", "20261122T000000Z"}};
  return head;
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + i / 977) & 0xff);
  return bytes;
}

// Both ends, and what the server saw.
struct Pair {
  explicit Pair(H2Profile profile = H2Profile::client_facing)
      : client(H2Role::client, profile), server(H2Role::server, profile) {}

  // Moves bytes until both are silent; `serve` runs for every change at the server.
  void pump() {
    for (int turn = 0; turn < 10'000; ++turn) {
      std::string up, down;
      client.output(up, 64 * 1024);
      if (!up.empty()) EXPECT_TRUE(server.receive(up, now));
      while (H2Stream* stream = server.next_changed()) {
        if (serve) serve(*stream);
      }
      server.output(down, 64 * 1024);
      if (!down.empty()) EXPECT_TRUE(client.receive(down, now));
      while (H2Stream* stream = client.next_changed()) {
        if (listen) listen(*stream);
      }
      if (up.empty() && down.empty()) return;
    }
    FAIL() << "the sessions never fall silent";
  }

  H2Stream& request(const RequestHead& head, std::string_view body = {}, std::string front = {}) {
    auto stream = client.request(head, "http", body, std::move(front));
    EXPECT_TRUE(stream);
    (*stream)->owner = this;
    return **stream;
  }

  MonoTime now = at(0s);
  H2Session client, server;
  std::function<void(H2Stream&)> serve, listen;
};

TEST(H2Session, CarriesAUnaryExchangeWithRawTargetAndHeadersInOrder) {
  Pair pair;
  std::string received;
  pair.serve = [&](H2Stream& stream) {
    received += pair.server.take_body(stream);
    if (!stream.ended || stream.out_ended) return;
    EXPECT_EQ(stream.request.method, "POST");
    EXPECT_EQ(stream.request.target, "/model/a%3A0/converse");
    EXPECT_EQ(stream.request.authority, "bedrock.test:8443");
    EXPECT_EQ(stream.request.version, Version::http2);
    ASSERT_EQ(stream.request.headers.size(), 2u);
    EXPECT_EQ(stream.request.headers.begin()->name, "content-type");
    ASSERT_TRUE(pair.server.respond(
        stream, {201, {{"X-Amzn-RequestId", "1"}, {"Connection", "close"}}}, H2End::open));
    pair.server.finish(stream, "answer");
    pair.server.release(stream);
  };
  H2Stream& stream = pair.request(post(), "question");
  pair.pump();
  EXPECT_EQ(received, "question");
  EXPECT_EQ(stream.response.status, 201);
  ASSERT_EQ(stream.response.headers.size(), 1u);
  EXPECT_EQ(stream.response.headers.begin()->name, "x-amzn-requestid");
  EXPECT_TRUE(stream.ended);
  EXPECT_TRUE(stream.closed);
  EXPECT_EQ(pair.client.take_body(stream), "answer");
  pair.client.release(stream);
  EXPECT_EQ(pair.client.stream_count(), 0u);
  EXPECT_EQ(pair.server.stream_count(), 0u);
}

TEST(H2Session, UnaryAnswerLeavesInOneOutput) {
  Pair pair;
  H2Stream& stream = pair.request(post(), "q");
  std::string up, down;
  pair.client.output(up, 64 * 1024);
  ASSERT_TRUE(pair.server.receive(up, pair.now));
  H2Stream* request = pair.server.next_changed();
  ASSERT_NE(request, nullptr);
  ASSERT_TRUE(pair.server.respond(*request, {200, {}}, H2End::open));
  pair.server.finish(*request, "a");
  pair.server.output(down, 64 * 1024);
  ASSERT_TRUE(pair.client.receive(down, pair.now));
  EXPECT_TRUE(stream.ended);
}

TEST(H2Session, ThreeMegabytesBothWaysPassEveryWindow) {
  Pair pair;
  const std::string question = pattern(3'000'000), answer = pattern(3'000'001);
  std::string received, got;
  pair.serve = [&](H2Stream& stream) {
    received += pair.server.take_body(stream);
    if (!stream.ended || stream.out_ended) return;
    ASSERT_TRUE(pair.server.respond(stream, {200, {}}, H2End::open));
    pair.server.finish(stream, answer);
  };
  pair.listen = [&](H2Stream& stream) { got += pair.client.take_body(stream); };
  pair.request(post(), question);
  pair.pump();
  EXPECT_TRUE(received == question);
  EXPECT_TRUE(got == answer);
}

TEST(H2Session, TheFrontOfABodyLeavesFirstAlsoWhenTheCallersBytesGoBeforeTheEnd) {
  for (const std::size_t front_bytes : {1u, 300u, 200'000u}) {
    for (const std::size_t body_bytes : {0u, 300u, 3'000'000u}) {
      Pair pair;
      std::string body = pattern(body_bytes), received;
      const std::string front(front_bytes, 'f'), whole = front + body;
      H2Stream* arrived = nullptr;
      bool reads = false;
      pair.serve = [&](H2Stream& stream) {
        arrived = &stream;
        if (reads) received += pair.server.take_body(stream);
      };
      H2Stream& stream = pair.request(post(), body, front);
      pair.pump();  // as much as the window lets through
      pair.client.adopt_body(stream);
      body.assign(body.size(), '-');
      reads = true;
      ASSERT_NE(arrived, nullptr);
      received += pair.server.take_body(*arrived);
      pair.pump();
      EXPECT_TRUE(received == whole) << front_bytes << ' ' << body_bytes;
    }
  }
}

TEST(H2Session, AReaderThatStopsHoldsTheSenderAtTheWindow) {
  Pair pair;
  const std::string question = pattern(3'000'000);
  H2Stream& stream = pair.request(post(), question);
  pair.pump();
  H2Stream* request = pair.server.next_changed();
  EXPECT_EQ(request, nullptr);  // pump() has shown it; nobody took the body
  EXPECT_EQ(question.size() - stream.pending(), limits::h2_stream_window);
}

TEST(H2Session, BodiesThatNobodyReadGiveTheConnectionWindowBack) {
  Pair pair;
  const std::string question = pattern(200'000);
  pair.serve = [&](H2Stream& stream) {
    if (!stream.ended) return;  // the body arrives and is never taken
    ASSERT_TRUE(pair.server.respond(stream, {403, {}}, H2End::here));
    pair.server.release(stream);
  };
  for (int i = 0; i < 50; ++i) {  // ten times the connection's window
    H2Stream& stream = pair.request(post(), question);
    pair.pump();
    ASSERT_TRUE(stream.ended) << "request " << i;
    EXPECT_EQ(stream.response.status, 403);
    pair.client.release(stream);
  }
}

TEST(H2Session, AnEarlyAnswerTellsTheClientToStopSending) {
  Pair pair;
  const std::string question = pattern(3'000'000);
  pair.serve = [&](H2Stream& stream) {
    if (stream.out_ended) return;
    ASSERT_TRUE(pair.server.respond(stream, {413, {}}, H2End::open));
    pair.server.finish(stream, "too large");
    pair.server.release(stream);
  };
  H2Stream& stream = pair.request(post(), question);
  pair.pump();
  EXPECT_TRUE(stream.ended);
  EXPECT_TRUE(stream.closed);
  EXPECT_EQ(stream.close_code, H2Code::no_error);
  EXPECT_EQ(pair.client.take_body(stream), "too large");
  EXPECT_EQ(pair.server.stream_count(), 0u);
}

TEST(H2Session, StreamsPieceByPiece) {
  Pair pair;
  H2Stream* open = nullptr;
  pair.serve = [&](H2Stream& stream) {
    if (open || !stream.ended) return;
    open = &stream;
    ASSERT_TRUE(pair.server.respond(stream, {200, {}}, H2End::open));
  };
  H2Stream& stream = pair.request(post());
  pair.pump();
  EXPECT_EQ(stream.response.status, 200);
  for (const char* piece : {"one", "two", "three"}) {
    pair.server.write(*open, piece);
    pair.pump();
    EXPECT_EQ(pair.client.take_body(stream), piece);
  }
  EXPECT_FALSE(stream.ended);
  pair.server.finish(*open, "");
  pair.pump();
  EXPECT_TRUE(stream.ended);
}

TEST(H2Session, AHundredStreamsShareTheConnection) {
  Pair pair;
  const std::string answer = pattern(30'000);
  pair.serve = [&](H2Stream& stream) {
    if (!stream.ended || stream.out_ended) return;
    ASSERT_TRUE(pair.server.respond(stream, {200, {}}, H2End::open));
    pair.server.finish(stream, answer + stream.request.target);
    pair.server.release(stream);
  };
  std::vector<std::pair<H2Stream*, std::string>> streams;
  for (int i = 0; i < 100; ++i)
    streams.emplace_back(&pair.request(post("/" + std::to_string(i))), "");
  pair.listen = [&](H2Stream& stream) {
    for (auto& [known, got] : streams) {
      if (known == &stream) got += pair.client.take_body(stream);
    }
  };
  pair.pump();
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(streams[i].second == answer + "/" + std::to_string(i)) << i;
  EXPECT_EQ(pair.server.stream_count(), 0u);
}

TEST(H2Session, AResetReachesTheOtherSide) {
  Pair pair;
  H2Stream* request = nullptr;
  pair.serve = [&](H2Stream& stream) { request = &stream; };
  H2Stream& gone = pair.request(post());
  pair.pump();
  pair.client.release(gone);  // the client loses interest
  pair.pump();
  ASSERT_NE(request, nullptr);
  EXPECT_TRUE(request->closed);
  EXPECT_EQ(request->close_code, H2Code::cancel);
  pair.server.release(*request);
  EXPECT_EQ(pair.server.stream_count(), 0u);

  H2Stream& refused = pair.request(post());
  pair.serve = [&](H2Stream& stream) {
    pair.server.reset(stream, H2Code::refused_stream);
    pair.server.release(stream);
  };
  pair.pump();
  EXPECT_TRUE(refused.closed);
  EXPECT_TRUE(refused.unprocessed());
}

TEST(H2Session,
     AClientsGoawayLeavesItsOpenStreamAlone) {  // what AWS's SDK for JavaScript does on every call
  Pair pair;
  H2Stream* request = nullptr;
  pair.serve = [&](H2Stream& stream) { request = &stream; };
  H2Stream& stream = pair.request(post());
  pair.pump();
  pair.client.shutdown();
  pair.pump();
  EXPECT_FALSE(pair.server.finished());
  ASSERT_TRUE(pair.server.respond(*request, {200, {}}, H2End::open));
  pair.server.finish(*request, "still here");
  pair.pump();
  EXPECT_EQ(pair.client.take_body(stream), "still here");
  EXPECT_TRUE(pair.server.finished());
}

TEST(H2Session, AServersGoawayFinishesWhatItNamedAndRefusesTheRest) {
  Pair pair;
  H2Stream* request = nullptr;
  pair.serve = [&](H2Stream& stream) { request = &stream; };
  H2Stream& first = pair.request(post());
  pair.pump();
  pair.server.shutdown();
  H2Stream& second = pair.request(post());  // crosses the GOAWAY
  pair.pump();
  EXPECT_TRUE(second.closed);
  EXPECT_TRUE(second.unprocessed());
  EXPECT_TRUE(pair.client.goaway_received());
  EXPECT_FALSE(pair.client.request(post(), "http", {}));
  EXPECT_FALSE(first.closed);
  ASSERT_TRUE(pair.server.respond(*request, {200, {}}, H2End::open));
  pair.server.finish(*request, "bye");
  pair.pump();
  EXPECT_EQ(pair.client.take_body(first), "bye");
  EXPECT_TRUE(pair.server.finished());
}

TEST(H2Session, TheAnnouncementOfAShutdownStillTakesRequests) {
  Pair pair;
  int served = 0;
  pair.serve = [&](H2Stream& stream) {
    if (!stream.ended || stream.out_ended) return;
    ++served;
    ASSERT_TRUE(pair.server.respond(stream, {200, {}}, H2End::here));
    pair.server.release(stream);
  };
  pair.server.announce_shutdown();
  pair.request(post());  // on its way before the client has heard
  pair.pump();
  EXPECT_EQ(served, 1);
}

TEST(H2Session, PingComesBack) {
  Pair pair;
  pair.client.ping(77);
  pair.pump();
  EXPECT_EQ(pair.client.take_pong(), 77u);
  EXPECT_EQ(pair.client.take_pong(), std::nullopt);
}

TEST(H2Session, StalledReadersAreReset) {
  Pair pair;
  pair.serve = [&](H2Stream& stream) {
    if (stream.out_ended) return;
    ASSERT_TRUE(pair.server.respond(stream, {200, {}}, H2End::open));
    pair.server.finish(stream, pattern(2'000'000));
    pair.server.release(stream);
  };
  H2Stream& stream = pair.request(post());
  pair.pump();  // the client never takes the body: its window is used up
  pair.server.reset_stalled(at(0s), 60s);
  pair.server.reset_stalled(at(59s), 60s);
  pair.pump();
  EXPECT_FALSE(stream.closed);
  pair.server.reset_stalled(at(60s), 60s);
  pair.pump();
  EXPECT_TRUE(stream.closed);
  EXPECT_FALSE(stream.ended);
  EXPECT_EQ(pair.server.stream_count(), 0u);
}

TEST(H2Session, AbandonClosesEveryStream) {
  Pair pair;
  H2Stream& stream = pair.request(post());
  pair.client.abandon();
  EXPECT_EQ(pair.client.next_changed(), &stream);
  EXPECT_TRUE(stream.closed);
  EXPECT_TRUE(stream.unprocessed());  // it never left
  pair.client.release(stream);
  EXPECT_TRUE(pair.client.finished());
}

TEST(H2Session, HeadersBeyondTheLimitsAreMarkedNotStored) {
  struct Case {
    const char* name;
    std::function<void(RequestHead&)> change;
    std::optional<ErrorCode> expected;
  };
  const Case cases[] = {
      {"ordinary", [](RequestHead&) {}, std::nullopt},
      {"too many headers",
       [](RequestHead& head) {
         for (int i = 0; i < 101; ++i) head.headers.add("x-" + std::to_string(i), "1");
       },
       ErrorCode::headers_too_large},
      {"a header too large",
       [](RequestHead& head) {
         for (int i = 0; i < 3; ++i)
           head.headers.add("x-big-" + std::to_string(i), std::string(12'000, 'a'));
       },
       ErrorCode::headers_too_large},
      {"a target too long", [](RequestHead& head) { head.target = "/" + std::string(9'000, 'a'); },
       ErrorCode::headers_too_large},
  };
  for (const Case& c : cases) {
    Pair pair;
    H2Stream* request = nullptr;
    pair.serve = [&](H2Stream& stream) { request = &stream; };
    RequestHead head = post();
    c.change(head);
    pair.request(head);
    pair.pump();
    ASSERT_NE(request, nullptr) << c.name;
    ASSERT_EQ(request->head_error.has_value(), c.expected.has_value()) << c.name;
    if (c.expected) EXPECT_EQ(request->head_error->code, *c.expected) << c.name;
    EXPECT_LE(request->request.headers.size(), limits::header_count_max) << c.name;
  }
}

TEST(H2Session, UniqueHeadersStayOutOfTheTable) {
  H2Session client(H2Role::client, H2Profile::peer_link);
  RequestHead head = post();
  head.headers = {{"traceparent", std::string(400, 't')}, {"x-other", std::string(400, 'o')}};
  std::size_t sizes[2];
  for (std::size_t& size : sizes) {
    std::string out;
    ASSERT_TRUE(client.request(head, "https", {}));
    client.output(out, 1 << 20);
    size = out.size();
  }
  EXPECT_LT(sizes[1], 400u);  // the traceparent again, the rest by index
  EXPECT_GT(sizes[1], 200u);
}

TEST(H2Session, AHeaderThatCannotBeSentIsAnError) {
  Pair pair;
  RequestHead head = post();
  head.headers.add("bad name", "1");
  EXPECT_FALSE(pair.client.request(head, "http", {}));
  head = post();
  head.headers.add("x", "a\nb");
  EXPECT_FALSE(pair.client.request(head, "http", {}));
}

}  // namespace
}  // namespace tidegate::http
