// HTTP/1.1 (RFC 9112) without sockets, in both roles. The parsers accept the grammar and nothing
// else: what two programs could read in two ways (both lengths, a folded line, a bare LF, a space
// before a colon) is refused, never repaired, because the one behind us or in front of us may
// repair it differently (request smuggling).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/client.hpp"
#include "http/message.hpp"

namespace tidegate::http::h1 {

// Finds the end of a head in bytes that arrive piece by piece, looking at each byte once.
class HeadScanner {
 public:
  // The size of the head with its empty line, or nothing while it is incomplete. `bytes` start at
  // the head and only grow between calls. Errors: malformed_http (bare LF), headers_too_large.
  Result<std::optional<std::size_t>> scan(std::string_view bytes);
  void reset() { *this = {}; }

 private:
  std::size_t scanned_ = 0;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;
};

// How the end of a body is found (RFC 9112, section 6.3).
struct BodyFraming {
  enum class Kind : std::uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;
};

struct Request {
  RequestHead head;
  BodyFraming body;
  bool keep_alive = true;
  bool expects_continue = false;
};

struct Response {
  ResponseHead head;
  BodyFraming body;
  bool keep_alive = true;
};

// `head` is what HeadScanner found. Errors: malformed_http, headers_too_large; the message says
// what is wrong, and never repeats the client's bytes.
Result<Request> parse_request(std::string_view head);
// An interim answer (1xx) has no body and is followed by another head. Errors: malformed_http.
Result<Response> parse_response(std::string_view head, std::string_view request_method);

// Takes a body out of the bytes that follow a head. Trailers are read, bounded and dropped.
class BodyDecoder {
 public:
  explicit BodyDecoder(BodyFraming framing);
  // Moves what it can from the front of `bytes` to the end of `body`. Bytes are left over once
  // done(). Errors: malformed_http.
  Result<void> decode(std::string_view& bytes, std::string& body);
  bool done() const { return state_ == State::done; }
  // The stream has ended: proper only for a body that lasts until then.
  bool end_of_stream();
  // Bytes that are certain to come: of the body, or only of the chunk that has begun.
  std::uint64_t announced() const;
  // Bytes still to come in all, if that is known.
  std::optional<std::uint64_t> remaining() const;

 private:
  enum class State : std::uint8_t { data, until_close, size, chunk, chunk_end, trailer, done };
  Result<void> decode_size(std::string_view line);
  // The next line without its CRLF, or nothing while it is incomplete (its part is kept in line_).
  Result<std::optional<std::string>> take_line(std::string_view& bytes, std::size_t bytes_max);

  State state_ = State::done;
  std::uint64_t left_ = 0;
  std::string line_;
  std::size_t trailer_bytes_ = 0;
};

// What leaves in one send: two pieces, so that a large body is not copied behind its framing.
struct Pieces {
  std::string front;
  std::string back;
  bool empty() const { return front.empty() && back.empty(); }
};

// What becomes of the connection after an answer.
enum class After : std::uint8_t { keep, close };

// Frames one answer. The head is kept back until the first bytes of the body, so that both leave in
// one send, and so that a short answer gets a content-length of its own.
class ResponseEncoder {
 public:
  ResponseEncoder() = default;
  explicit ResponseEncoder(const Request& request);

  // HTTP/1.0 connections always close.
  void begin(const ResponseHead& head, std::string_view date, After after);
  // Errors: internal (the body is not as long as its head says: a bug of the handler).
  Result<Pieces> write(std::string bytes);
  Result<Pieces> finish(std::string last);
  bool begun() const { return begun_; }
  bool closes() const { return close_; }

 private:
  enum class Part : std::uint8_t { middle, last };
  Result<Pieces> encode(std::string bytes, Part part);
  void end_head(std::optional<std::size_t> whole_body);

  bool head_request_ = false;
  bool http1_0_ = false;
  bool begun_ = false;
  bool close_ = false;
  bool head_sent_ = false;
  bool bodiless_ = false;
  bool lengthless_ = false;  // 204 and 304 carry no content-length
  bool chunked_ = false;
  std::optional<std::uint64_t> length_;
  std::uint64_t written_ = 0;
  std::string head_;  // without its end, which says how the body is framed
};

// The head of a request with host and content-length, and its front behind it. Errors: validation
// (bytes that a head cannot carry).
Result<std::string> encode_request_head(const ClientRequest& request, std::string_view host);

inline constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace tidegate::http::h1
