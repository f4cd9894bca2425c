// A server session against frames made by hand, as no decent client sends them: heads that break
// the rules, and floods.
#include <gtest/gtest.h>

#include <functional>

#include "base/limits.hpp"
#include "http/h2_incoming_frames.hpp"
#include "http/h2_session.hpp"

namespace tidegate::http {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

MonoTime at(Duration since_start) {
  return MonoTime(std::chrono::hours(1)) + since_start;
}

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload) {
  std::string bytes;
  for (int shift : {16, 8, 0}) bytes += static_cast<char>((payload.size() >> shift) & 0xff);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>((stream >> shift) & 0xff);
  return bytes.append(payload);
}

std::string literal(std::string_view name,
                    std::string_view value) {  // HPACK, without index or Huffman; short strings
  std::string bytes(1, '\0');
  bytes += static_cast<char>(name.size());
  bytes += name;
  bytes += static_cast<char>(value.size());
  return bytes.append(value);
}

std::string head_of(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  std::string block;
  for (auto [name, value] : fields) block += literal(name, value);
  return block;
}

std::optional<ErrorCode> code_of(const H2Stream& request) {
  if (!request.head_error) return std::nullopt;
  return request.head_error->code;
}

TEST(H2Rules, RefusesHeadsThatBreakTheRules) {
  struct Case {
    const char* name;
    std::string block;
    bool shown;  // as a request at all (perhaps with head_error)
    std::optional<ErrorCode> error;
  };
  const Case cases[] = {
      {"good",
       head_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}),
       true,
       {}},
      {"host instead of authority",
       head_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}}),
       true,
       {}},
      {"host is another authority",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "a"},
                {"host", "b"}}),
       true, ErrorCode::malformed_http},
      {"tunnel", head_of({{":method", "CONNECT"}, {":authority", "a"}}), true,
       ErrorCode::malformed_http},
      {"no path",
       head_of({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}),
       false,
       {}},
      {"no authority",
       head_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}),
       false,
       {}},
      {"upper case",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "a"},
                {"X", "1"}}),
       false,
       {}},
      {"line break in a value",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "a"},
                {"x", "1\r\n2"}}),
       false,
       {}},
      {"pseudo-header after a header",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {"x", "1"},
                {":authority", "a"}}),
       false,
       {}},
      {"two paths",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":path", "/b"},
                {":authority", "a"}}),
       false,
       {}},
      {"transfer-encoding",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "a"},
                {"transfer-encoding", "chunked"}}),
       false,
       {}},
  };
  for (const Case& c : cases) {
    H2Session server(H2Role::server, H2Profile::client_facing);
    std::string bytes(preface);
    bytes += frame(4, 0, 0, {});         // SETTINGS
    bytes += frame(1, 0x5, 1, c.block);  // HEADERS, END_STREAM | END_HEADERS
    ASSERT_TRUE(server.receive(bytes, at(0s))) << c.name;
    H2Stream* request = server.next_changed();
    ASSERT_EQ(request != nullptr, c.shown) << c.name;
    if (request) EXPECT_EQ(code_of(*request), c.error) << c.name;
    EXPECT_FALSE(server.headers_open()) << c.name;
    std::string out;
    server.output(out, 64 * 1024);
    EXPECT_EQ(server.stream_count(), c.shown ? 1u : 0u) << c.name;
  }
}

TEST(H2Rules, FloodsOfEmptyFramesEndTheConnection) {
  const std::string good =
      head_of({{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}});
  struct Case {
    const char* name;
    std::function<std::string(std::uint32_t turn)> frames;
  };
  const Case cases[] = {
      {"ping", [](std::uint32_t) { return frame(6, 0, 0, "12345678"); }},
      {"settings", [](std::uint32_t) { return frame(4, 0, 0, {}); }},
      {"rapid reset",
       [&](std::uint32_t turn) {
         const std::uint32_t id = 2 * turn + 3;
         return frame(1, 0x4, id, good) + frame(3, 0, id, std::string_view("\0\0\0\x08", 4));
       }},
      {"empty data", [](std::uint32_t) { return frame(0, 0, 1, {}); }},
      {"priority", [](std::uint32_t) { return frame(2, 0, 1, std::string_view("\0\0\0\0\1", 5)); }},
      {"pong", [](std::uint32_t) { return frame(6, 1, 0, "12345678"); }},
      {"a type that nobody knows", [](std::uint32_t) { return frame(0xab, 0, 0, "x"); }},
      {"windows that nothing was sent for",
       [](std::uint32_t) { return frame(8, 0, 0, std::string_view("\0\0\0\1", 4)); }},
  };
  for (const Case& c : cases) {
    H2Session server(H2Role::server, H2Profile::client_facing);
    std::string out;
    ASSERT_TRUE(
        server.receive(std::string(preface) + frame(4, 0, 0, {}) + frame(1, 0x4, 1, good), at(0s)));
    server.output(out, 1 << 20);
    bool ended = false;
    std::uint32_t turn = 0;
    for (; turn < 5 * limits::h2_noise_burst && !ended; ++turn) {
      ended = !server.receive(c.frames(turn), at(std::chrono::milliseconds(turn / 10)));
      while (H2Stream* stream = server.next_changed()) {
        if (stream->closed) server.release(*stream);
      }
      out.clear();
      server.output(out, 1 << 20);
      ended = ended || server.finished();
    }
    EXPECT_TRUE(ended) << c.name;
    EXPECT_GT(turn, limits::h2_noise_burst / 2) << c.name;
  }
}

TEST(H2Rules, FramesOfStreamsThatHaveEndedCountInFloodsToo) {
  const std::string good =
      head_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}});
  for (const std::string& noise :
       {frame(0, 0, 1, {}), frame(8, 0, 1, std::string_view("\0\0\0\1", 4))}) {
    H2Session server(H2Role::server, H2Profile::client_facing);
    std::string out;
    ASSERT_TRUE(
        server.receive(std::string(preface) + frame(4, 0, 0, {}) + frame(1, 0x5, 1, good), at(0s)));
    H2Stream* stream = server.next_changed();
    ASSERT_NE(stream, nullptr);
    ASSERT_TRUE(server.respond(*stream, {200, {}}, H2End::here));
    server.release(*stream);
    server.output(out, 1 << 20);
    ASSERT_EQ(server.stream_count(), 0u);
    bool valid = true;
    for (std::uint32_t turn = 0; turn < 2 * limits::h2_noise_burst && valid; ++turn)
      valid = server.receive(noise, at(0s)).has_value();
    EXPECT_FALSE(valid);
  }
}

TEST(H2Rules, PriorityOfStreamZeroEndsTheConnectionHoweverItArrives) {
  const std::string bytes =
      std::string(preface) + frame(4, 0, 0, {}) + frame(2, 0, 0, std::string_view("\0\0\0\0\1", 5));
  for (const std::size_t step : {bytes.size(), std::size_t{1}}) {
    H2Session server(H2Role::server, H2Profile::client_facing);
    for (std::size_t i = 0; i < bytes.size(); i += step)
      ASSERT_TRUE(server.receive(std::string_view(bytes).substr(i, step), at(0s)));
    std::string out;
    server.output(out, 1 << 20);
    EXPECT_TRUE(server.finished()) << step;
  }
}

TEST(H2Rules, AFewEmptyFramesNowAndThenAreFine) {
  H2Session server(H2Role::server, H2Profile::client_facing);
  ASSERT_TRUE(server.receive(std::string(preface) + frame(4, 0, 0, {}), at(0s)));
  std::string out;
  for (std::uint32_t second = 1; second < 3'000; ++second) {
    ASSERT_TRUE(server.receive(frame(6, 0, 0, "12345678"), at(std::chrono::seconds(second))))
        << second;
    out.clear();
    server.output(out, 1 << 20);
  }
}

// Whether a client that opens these streams has broken a rule by the last.
bool broken_by(std::initializer_list<std::uint32_t> streams) {
  H2IncomingFrames incoming(1);
  std::uint32_t noise = 0;
  std::string bytes("x");  // the preface
  for (const std::uint32_t stream : streams) bytes += frame(1, 5, stream, "head");
  incoming.look_at(bytes, noise);
  return incoming.broken();
}

TEST(H2Rules, NumbersOfStreamsOnlyGrow) {
  EXPECT_FALSE(broken_by({1, 3, 5}));
  EXPECT_FALSE(broken_by({5, 9, 11}));
  EXPECT_FALSE(broken_by({1, 3, 1, 3})) << "trailers, or a stream that has ended: nghttp2 knows";
  EXPECT_FALSE(broken_by({2, 1})) << "an even one is refused for itself";
  EXPECT_TRUE(broken_by({5, 3}));
  EXPECT_TRUE(broken_by({5, 1}));
  EXPECT_TRUE(broken_by({1, 7, 5}));
  EXPECT_TRUE(broken_by({1, 7, 9, 3}));
}

TEST(H2Rules, WhatAClientPassesOverIsRememberedUpToALimit) {
  H2IncomingFrames incoming(0), client(1);
  std::uint32_t noise = 0;
  incoming.look_at(frame(1, 4, 5, "") + frame(1, 4, 3, ""), noise);
  EXPECT_FALSE(incoming.broken()) << "a server answers in any order";
  client.look_at("x", noise);
  constexpr auto gaps = static_cast<std::uint32_t>(limits::h2_gaps_max);
  for (std::uint32_t i = 1; i <= gaps + 1; ++i) client.look_at(frame(1, 5, 4 * i - 1, ""), noise);
  client.look_at(frame(1, 5, 1, ""), noise);
  EXPECT_FALSE(client.broken()) << "the oldest is forgotten";
  client.look_at(frame(1, 5, 5, ""), noise);
  EXPECT_TRUE(client.broken());
}

TEST(H2Rules, WhatIsNotHttp2IsAnError) {
  H2Session server(H2Role::server, H2Profile::client_facing);
  const auto result = server.receive("GET / HTTP/1.1\r\nhost: a\r\n\r\n", at(0s));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::malformed_http);
}

}  // namespace
}  // namespace tidegate::http
