// What crosses a link besides the client's bytes: load reports (one JSON line each, every 100 ms,
// on a stream that the source opens; signed batches of attestations and the endorsement of their
// key are lines of it, too), signed batches of tokens (posted by the source), the front of each
// request, and the headers and the trailer of each answer, the trailer MACed under the link's
// secret.
//
// None of these is a header on the link: nghttp2 goes through each header several times at both
// ends, and a hop is a stream with two small bodies.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "http/message.hpp"

namespace tidegate::peer {

inline constexpr int protocol_version = 3;
inline constexpr std::string_view execute_path = "/peer/3/execute";
inline constexpr std::string_view reports_path = "/peer/3/reports";
inline constexpr std::string_view tokens_path = "/peer/3/tokens";
inline constexpr std::string_view catalog_epoch_header =
    "x-tidegate-catalog-epoch";  // of who asks for reports
inline constexpr std::string_view error_header =
    "x-tidegate-peer-error";  // name_of(ErrorCode): machine-readable
inline constexpr std::string_view why_header =
    "x-tidegate-peer-why";  // Error::why: the rule that refused

// The body of a request on execute_path: the length of its sealed token in two octets, the highest
// first; the token; its traceparent, 55 octets; what the client sent. So the token is there before
// any byte that it is about.
inline constexpr std::size_t token_length_bytes = 2, traceparent_bytes = 55;
// At most limits::token_bytes_max of a token, and a traceparent that is one.
std::string request_front(std::string_view sealed_token, std::string_view traceparent);

// The front of a body that comes in pieces, as views of what has come.
struct RequestFront {
  std::string_view token, traceparent;
  std::size_t size() const { return token_length_bytes + token.size() + traceparent.size(); }
  // nullopt: there is more to come. Errors: fence_refused (no_token: its length is none of a
  // token's).
  static Result<std::optional<RequestFront>> read(std::string_view body);
};
// The error of a body that ends before its front does.
Error no_token();

// The body of an answer on execute_path, if its status is 200: pieces, each its length in four
// octets, the highest first, and its bytes; a length of nothing; the sealed trailer, to the end.
// The first piece is the answer's headers, packed (packed.hpp): their number, then the name and the
// value of each. The other pieces are the answer.
void append_headers(std::string& body, const http::Headers& headers);
void append_piece(std::string& body, std::string_view piece);  // nothing of an empty one
void append_end(std::string& body, std::string_view sealed_trailer);
// Enough for an answer of one piece.
std::size_t answer_bytes_max(const http::Headers& headers, std::string_view answer,
                             std::string_view sealed_trailer);

class AnswerReader {
 public:
  // Appends the answer's part of `bytes` to `answer`. Errors: peer_unavailable (headers that are
  // none, or more after the answer than a trailer may have); the reader is of no use after one.
  Result<void> feed(std::string_view bytes, std::string& answer);
  // Null as long as they are not whole.
  const http::Headers* headers() const { return headers_ ? &*headers_ : nullptr; }
  // At the body's end: none if the answer was cut.
  std::optional<std::string_view> trailer() const;

 private:
  Result<void> begin_piece();
  Result<void> take_headers(std::string_view bytes);

  std::size_t left_ = 0;                        // of this piece
  std::size_t length_ = 0, length_octets_ = 0;  // of the next one, as far as it is here
  std::string packed_headers_;                  // as far as they are here
  std::optional<http::Headers> headers_;
  bool ended_ = false;
  std::string trailer_;
};

struct ModelLoad {
  bool ready = false;
  std::uint32_t slots = 0, busy = 0, waiting = 0;
};

// A Region's state, as it tells it.
struct Report {
  int protocol = protocol_version;
  std::uint64_t epoch = 0;  // of the process: another one means it was restarted
  std::uint64_t sequence = 0;
  std::uint64_t running_for_reader =
      0;                            // requests that run here now for the Region that reads this
  bool draining = false;            // its process is ending
  bool drained = false;             // an operator lets it take no new work
  std::uint64_t catalog_epoch = 0;  // of the bundle in force; 0: the built-in library
  std::map<std::string, ModelLoad, std::less<>> models;  // by foundation model id
  std::vector<std::string> operations;                   // that it offers

  std::string encode() const;  // one line, "\n" at its end
  // Takes exactly what encode() writes. Errors: peer_unavailable.
  static Result<Report> decode(std::string_view line);
};

// How an attempt abroad ended, from the one who ran it.
struct Trailer {
  static constexpr std::uint8_t version = 1;
  std::string request_id;
  std::string region;   // who ran it
  std::string outcome;  // "success" or name_of(ErrorCode)
  std::string error_message;
  std::string model_name;
  std::string stop_reason;
  std::int64_t input_tokens = 0, output_tokens = 0, cache_read_tokens = 0, cache_write_tokens = 0;
  std::int64_t first_byte_ms = -1, total_ms = 0;
  Sha256 row_hash{};
  Sha256 answer_sha256{};  // of every byte of the answer's body
  std::int64_t at_ms = 0;  // Unix time there when the answer was whole: the attestation's

  // An error_message that is too long is cut.
  std::string sign(const HmacKey& link_key) const;
  // Errors: peer_unavailable (a trailer that is not one).
  static Result<Trailer> open(std::string_view sealed, const std::optional<HmacKey>& link_key);
};

}  // namespace tidegate::peer
