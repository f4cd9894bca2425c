#include "http/h1_codec.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "http/field_text.hpp"

namespace tidegate::http::h1 {
namespace {

// Everything at once through scanner and parser, as a connection does it. Incomplete heads give no
// request.
Result<std::optional<Request>> request_of(std::string_view bytes) {
  HeadScanner scanner;
  TRY(auto size, scanner.scan(bytes));
  if (!size) return std::nullopt;
  TRY(auto request, parse_request(bytes.substr(0, *size)));
  return request;
}

// Every byte at every place, in lengths around the blocks that are looked at: the same as one by
// one.
TEST(FieldText, IsWhatItsBytesAre) {
  for (const std::size_t size : {1, 7, 8, 9, 15, 16, 17, 31, 33}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(byte);
        ASSERT_EQ(is_field_text(text), is_field_byte(text[at])) << size << ' ' << at << ' ' << byte;
        const bool target = byte > 0x20 && byte < 0x7f && byte != '#';
        ASSERT_EQ(fault_of_target("/" + text).empty(), target) << size << ' ' << at << ' ' << byte;
      }
    }
  }
}

struct Refused {
  const char* name;
  std::string bytes;
  ErrorCode code;
  const char* says;
};

TEST(H1Request, RefusesWhatCouldBeReadInTwoWays) {
  using enum ErrorCode;
  const std::string start = "POST / HTTP/1.1\r\nHost: a\r\n";
  std::string many = start;
  for (int i = 0; i < 120; ++i) many += "x: 1\r\n";
  const Refused table[] = {
      {"both lengths", start + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       malformed_http, "both"},
      {"two equal lengths", start + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
       malformed_http, "more than one"},
      {"list of lengths", start + "Content-Length: 3, 3\r\n\r\n", malformed_http, "not a number"},
      {"signed length", start + "Content-Length: +3\r\n\r\n", malformed_http, "not a number"},
      {"negative length", start + "Content-Length: -3\r\n\r\n", malformed_http, "not a number"},
      {"hexadecimal length", start + "Content-Length: 0x3\r\n\r\n", malformed_http, "not a number"},
      {"empty length", start + "Content-Length:\r\n\r\n", malformed_http, "not a number"},
      {"overflowing length", start + "Content-Length: 99999999999999999999\r\n\r\n", malformed_http,
       "not a number"},
      {"coding list", start + "Transfer-Encoding: gzip, chunked\r\n\r\n", malformed_http,
       "exactly"},
      {"coding twice", start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       malformed_http, "exactly"},
      {"unknown coding", start + "Transfer-Encoding: xchunked\r\n\r\n", malformed_http, "exactly"},
      {"coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", malformed_http,
       "HTTP/1.0"},
      {"folded header", start + "x: 1\r\n 2\r\n\r\n", malformed_http, "folded"},
      {"bare LF in a header", start + "x: 1\nTransfer-Encoding: chunked\r\n\r\n", malformed_http,
       "bare LF"},
      {"bare LF only", "GET / HTTP/1.1\nHost: a\n\n", malformed_http, "bare LF"},
      {"bare CR", start + "x: 1\rTransfer-Encoding: chunked\r\n\r\n", malformed_http,
       "control byte"},
      {"space before colon", start + "Content-Length : 3\r\n\r\n", malformed_http, "name"},
      {"no colon", start + "nothing\r\n\r\n", malformed_http, "no colon"},
      {"empty name", start + ": 1\r\n\r\n", malformed_http, "name"},
      {"NUL in a value", start + std::string("x: 1\0002\r\n\r\n", 10), malformed_http,
       "control byte"},
      {"DEL in a value", start + "x: \x7f\r\n\r\n", malformed_http, "control byte"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", malformed_http, "no host"},
      {"two hosts", start + "Host: b\r\n\r\n", malformed_http, "more than one host"},
      {"space in the host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", malformed_http, "host"},
      {"path in the host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", malformed_http, "host"},
      {"user in the host", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", malformed_http, "host"},
      {"absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", malformed_http, "path"},
      {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", malformed_http, "path"},
      {"authority form", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", malformed_http, "CONNECT"},
      {"fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", malformed_http, "fragment"},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", malformed_http, "target"},
      {"control byte in the target", "GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", malformed_http,
       "target"},
      {"raw UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", malformed_http,
       "target"},
      {"two parts", "GET /\r\n\r\n", malformed_http, "three parts"},
      {"bad method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", malformed_http, "method"},
      {"HTTP/2.0 in words", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", malformed_http, "version"},
      {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", malformed_http, "version"},
      {"only empty lines", "\r\n\r\n", malformed_http, "no request line"},
      {"long target",
       "GET /" + std::string(limits::target_bytes_max, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
       headers_too_large, "target"},
      {"too many headers", many + "\r\n", headers_too_large, "headers"},
      {"endless header", start + "x: " + std::string(limits::header_bytes_max, 'a'),
       headers_too_large, "bytes"},
  };
  for (const Refused& row : table) {
    const auto result = request_of(row.bytes);
    ASSERT_FALSE(result) << row.name;
    EXPECT_EQ(result.error().code, row.code) << row.name << ": " << result.error().message;
    EXPECT_TRUE(result.error().message.contains(row.says))
        << row.name << ": " << result.error().message;
  }
}

TEST(H1Request, KeepsTargetAndHeadersAsTheyCame) {
  const auto request = request_of(
      "\r\nPOST /model/eu.amazon.nova-2-lite-v1%3A0/converse?b=2&a HTTP/1.1\r\nHost: "
      "127.0.0.1:8080\r\nX-A:  one \r\n"
      "x-a:two\r\ncontent-length: 12\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nExpect: "
      "100-continue\r\n\r\n");
  ASSERT_TRUE(request && *request) << request.error().message;
  const Request& r = **request;
  EXPECT_EQ(r.head.target, "/model/eu.amazon.nova-2-lite-v1%3A0/converse?b=2&a");
  EXPECT_EQ(r.head.authority, "127.0.0.1:8080");
  ASSERT_EQ(r.head.headers.size(), 7u);
  EXPECT_EQ((r.head.headers.begin() + 1)->name, "X-A");
  EXPECT_EQ((r.head.headers.begin() + 1)->value, "one");
  EXPECT_EQ((r.head.headers.begin() + 2)->name, "x-a");
  EXPECT_EQ(r.body.kind, BodyFraming::Kind::length);
  EXPECT_EQ(r.body.length, 12u);
  EXPECT_FALSE(r.keep_alive);
  EXPECT_TRUE(r.expects_continue);
}

TEST(H1Request, IsFoundByteByByte) {
  const std::string bytes = "GET / HTTP/1.0\r\nA: b\r\n\r\nrest";
  HeadScanner scanner;
  for (std::size_t n = 0; n < bytes.size() - 4; ++n) {
    const auto size = scanner.scan(std::string_view(bytes).substr(0, n));
    ASSERT_TRUE(size);
    EXPECT_FALSE(*size) << n;
  }
  const auto size = scanner.scan(bytes);
  ASSERT_TRUE(size && *size);
  EXPECT_EQ(**size, bytes.size() - 4);
  const auto request = parse_request(std::string_view(bytes).substr(0, **size));
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->keep_alive);
}

// Bytes drawn at random around what HTTP is made of: whatever they are, and however they are cut,
// the answer is one.
TEST(H1Request, DoesNotDependOnHowBytesArrive) {
  const std::string_view parts[] = {"GET ",
                                    "POST ",
                                    "/a",
                                    " HTTP/1.1",
                                    "\r\n",
                                    "\r\n",
                                    "\n",
                                    "\r",
                                    "Host: a",
                                    ": ",
                                    "Content-Length: 3",
                                    "Transfer-Encoding: chunked",
                                    "x",
                                    " ",
                                    "\t",
                                    "\x01",
                                    "5;a",
                                    "0\r\n\r\n",
                                    "\xff"};
  std::uint32_t seed = 1;
  const auto random = [&](std::size_t below) {
    seed = seed * 1'664'525u + 1'013'904'223u;
    return (seed >> 8) % below;
  };
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    if (random(2)) bytes = "POST / HTTP/1.1\r\nHost: a\r\n";
    for (auto n = random(12); n > 0; --n) bytes += parts[random(std::size(parts))];
    const auto whole = request_of(bytes);
    HeadScanner scanner;
    Result<std::optional<std::size_t>> cut = std::nullopt;
    for (std::size_t n = 0; cut && !*cut && n <= bytes.size(); n += 1 + random(7)) {
      cut = scanner.scan(std::string_view(bytes).substr(0, n));
    }
    if (cut && !*cut) cut = scanner.scan(bytes);
    if (!cut) {
      EXPECT_FALSE(whole) << bytes;
    } else if (*cut) {
      const auto parsed = parse_request(std::string_view(bytes).substr(0, **cut));
      EXPECT_EQ(parsed.has_value(), whole.has_value()) << bytes;
    } else {
      EXPECT_TRUE(whole && !*whole) << bytes;
    }
  }
}

struct Body {
  const char* name;
  BodyFraming framing;
  std::string bytes;
  std::string body;  // what it decodes to
  std::string rest;  // what is left
  bool done, valid;
};

TEST(H1Body, DecodesWholeAndByteByByte) {
  using enum BodyFraming::Kind;
  const BodyFraming chunks{chunked};
  const Body table[] = {
      {"none", {none}, "next", "", "next", true, true},
      {"length", {length, 5}, "hellonext", "hello", "next", true, true},
      {"short", {length, 5}, "hel", "hel", "", false, true},
      {"until close", {until_close}, "hello", "hello", "", false, true},
      {"chunks", chunks, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nnext", "hello!", "next", true, true},
      {"extensions", chunks, "5;a=\"b\"\r\nhello\r\n0;x\r\n\r\n", "hello", "", true, true},
      {"trailers", chunks, "0\r\nA: b\r\nC: d\r\n\r\nnext", "", "next", true, true},
      {"hexadecimal", chunks, "0a\r\n0123456789\r\n0\r\n\r\n", "0123456789", "", true, true},
      {"no end", chunks, "5\r\nhello\r\n0\r\n", "hello", "", false, true},
      {"bare LF after the size", chunks, "5\nhello\r\n0\r\n\r\n", "", "", false, false},
      {"bare LF after the chunk", chunks, "5\r\nhello\n0\r\n\r\n", "", "", false, false},
      {"space after the size", chunks, "5 \r\nhello\r\n0\r\n\r\n", "", "", false, false},
      {"sign", chunks, "+5\r\nhello\r\n0\r\n\r\n", "", "", false, false},
      {"prefix", chunks, "0x5\r\nhello\r\n0\r\n\r\n", "", "", false, false},
      {"empty size", chunks, "\r\nhello", "", "", false, false},
      {"overflow", chunks, "fffffffffffffffff\r\n", "", "", false, false},
      {"too long a chunk", chunks, "2\r\nhello\r\n0\r\n\r\n", "", "", false, false},
      {"endless extension", chunks, "5;" + std::string(1'000, 'a'), "", "", false, false},
      {"trailer without a colon", chunks, "0\r\nabc\r\n\r\n", "", "", false, false},
      {"space in a trailer's name", chunks, "0\r\na b: c\r\n\r\n", "", "", false, false},
      {"control byte in a line", chunks, "5;\x01\r\nhello\r\n0\r\n\r\n", "", "", false, false},
      {"endless trailers", chunks, "0\r\n" + std::string(limits::trailer_bytes_max + 1, 'a'), "",
       "", false, false},
  };
  for (const Body& row : table) {
    for (const std::size_t step : {row.bytes.size(), std::size_t{1}}) {
      BodyDecoder decoder(row.framing);
      std::string body, rest;
      bool valid = true;
      for (std::size_t at = 0; at < row.bytes.size() && valid; at += step) {
        std::string_view piece = std::string_view(row.bytes).substr(at, step);
        valid = decoder.decode(piece, body).has_value();
        rest += piece;
      }
      EXPECT_EQ(valid, row.valid) << row.name << " in steps of " << step;
      if (!row.valid) continue;
      EXPECT_EQ(body, row.body) << row.name;
      EXPECT_EQ(rest, row.rest) << row.name;
      EXPECT_EQ(decoder.done(), row.done) << row.name;
      EXPECT_EQ(decoder.end_of_stream(), row.done || row.framing.kind == until_close) << row.name;
    }
  }
}

std::string answer(std::string_view request, const ResponseHead& head,
                   std::initializer_list<std::string> pieces, std::string last,
                   After after = After::keep) {
  ResponseEncoder encoder(**request_of(request));
  encoder.begin(head, "D", after);
  std::string out;
  for (const std::string& piece : pieces) {
    const auto encoded = encoder.write(piece);
    if (!encoded) return "refused";
    out += encoded->front + encoded->back;
  }
  const auto encoded = encoder.finish(std::move(last));
  return encoded ? out + encoded->front + encoded->back : "refused";
}

TEST(H1Response, IsFramedForTheRequest) {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string old = "GET / HTTP/1.0\r\n\r\n";
  const ResponseHead five{200, {{"content-length", "5"}}};
  EXPECT_EQ(answer(get, {200, {{"a", "b"}}}, {}, "hello"),
            "HTTP/1.1 200 OK\r\na: b\r\ndate: D\r\ncontent-length: 5\r\n\r\nhello");
  EXPECT_EQ(answer(get, five, {"he"}, "llo"),
            "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 5\r\n\r\nhello");
  EXPECT_EQ(answer(get, five, {"he"}, ""), "refused");
  EXPECT_EQ(answer(get, five, {"hello", "!"}, ""), "refused");
  EXPECT_EQ(answer(get, {}, {"hello"}, "!"),
            "HTTP/1.1 200 OK\r\ndate: D\r\ntransfer-encoding: "
            "chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
  EXPECT_EQ(
      answer(get, {}, {"hello"}, ""),
      "HTTP/1.1 200 OK\r\ndate: D\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(answer(get, {204, {}}, {}, "lost"), "HTTP/1.1 204 No Content\r\ndate: D\r\n\r\n");
  EXPECT_EQ(answer(head, {}, {}, "hello"),
            "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(answer(head, five, {}, ""), "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(answer(old, {}, {"hello"}, "!"),
            "HTTP/1.1 200 OK\r\ndate: D\r\nconnection: close\r\n\r\nhello!");
  EXPECT_EQ(
      answer(get, {200, {{"a", "b\r\nc: d"}, {"Connection", "x"}}}, {}, "", After::close),
      "HTTP/1.1 200 OK\r\na: b  c: d\r\ndate: D\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST(H1Response, IsParsedForTheRequest) {
  using enum BodyFraming::Kind;
  struct {
    const char* head;
    const char* method;
    bool valid;
    BodyFraming::Kind kind;
    bool keep_alive;
  } const table[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", true, length, true},
      {"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", "GET", true, length, true},
      {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "GET", true, none, true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n", "POST",
       true, chunked, true},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n", "GET", true, length,
       false},
      {"HTTP/1.0 200 OK\r\n\r\n", "GET", true, until_close, false},
      {"HTTP/1.1 200 OK\r\n\r\n", "GET", true, until_close, false},
      {"HTTP/1.1 204 No Content\r\n\r\n", "GET", true, none, true},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "GET", true, none, true},
      {"HTTP/1.1 100 Continue\r\n\r\n", "POST", true, none, true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", true, none, true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", false,
       none, false},
      {"HTTP/1.1 2x0 OK\r\n\r\n", "GET", false, none, false},
      {"HTTP/1.1 2000 OK\r\n\r\n", "GET", false, none, false},
      {"HTTP/2 200 OK\r\n\r\n", "GET", false, none, false},
      {"\r\n\r\n", "GET", false, none, false},
  };
  for (const auto& row : table) {
    const auto response = parse_response(row.head, row.method);
    ASSERT_EQ(response.has_value(), row.valid) << row.head;
    if (!response) continue;
    EXPECT_EQ(response->body.kind, row.kind) << row.head;
    EXPECT_EQ(response->keep_alive, row.keep_alive) << row.head;
  }
}

TEST(H1ClientRequest, RefusesWhatAHeadCannotCarry) {
  const ClientRequest good{"POST", "/v1/chat", {{"a", "b"}}, "{}"};
  EXPECT_EQ(*encode_request_head(good, "h:1"),
            "POST /v1/chat HTTP/1.1\r\nhost: h:1\r\na: b\r\ncontent-length: 2\r\n\r\n");
  EXPECT_EQ(*encode_request_head({"POST", "/", {}, "{}", "ab"}, "h"),
            "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nab");
  EXPECT_FALSE(encode_request_head({"POST", "/a b", {}, ""}, "h"));
  EXPECT_FALSE(encode_request_head({"POST", "/", {{"a", "b\r\nc: d"}}, ""}, "h"));
  EXPECT_FALSE(encode_request_head({"POST", "/", {{"a b", "c"}}, ""}, "h"));
}

}  // namespace
}  // namespace tidegate::http::h1
