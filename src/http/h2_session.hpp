// One HTTP/2 connection without its socket (RFC 9113): bytes in, bytes out, and between them the
// state of its streams. nghttp2 does frames, HPACK and flow control for both roles; this class adds
// our limits, the defences against floods of frames that carry nothing, and a change list instead
// of callbacks, so that nobody is called from inside a C library.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "http/h2_incoming_frames.hpp"
#include "http/message.hpp"

struct nghttp2_session;

namespace tidegate::http {

enum class H2Role : std::uint8_t { server, client };

// Strangers get small windows, a 4 KiB HPACK table and little patience; a link between Regions gets
// the opposite.
enum class H2Profile : std::uint8_t { client_facing, peer_link };

// Whether a message ends with its head.
enum class H2End : std::uint8_t { open, here };

// The error codes of RFC 9113, section 7, that we send or tell apart.
enum class H2Code : std::uint32_t {
  no_error = 0,
  internal_error = 2,
  refused_stream = 7,
  cancel = 8
};

struct H2Stream {
  std::int32_t id = 0;
  void* owner =
      nullptr;  // for whoever drives the session; null on a request that nobody has taken up yet

  // What has come.
  RequestHead request;    // server side; pseudo-headers are only in method, target and authority
  ResponseHead response;  // client side
  std::string body;       // arrived and not yet taken: take_body() gives the window back
  std::size_t body_bytes = 0;  // in all
  std::optional<Error>
      head_error;  // headers_too_large or malformed_http: answer that, and read no further
  bool head_complete = false;
  bool ended = false;   // the other side's END_STREAM is here
  bool closed = false;  // nothing comes or goes any more
  H2Code close_code = H2Code::no_error;
  // Client side, closed: the other side has certainly not acted on the request (RFC 9113,
  // section 8.7).
  bool unprocessed() const { return !head_sent || close_code == H2Code::refused_stream; }

  // What waits to leave.
  std::string out;
  std::size_t out_sent = 0;   // of `out`
  std::string_view borrowed;  // the rest of a request's body; leaves after `out`
  std::uint64_t sent_bytes = 0;
  bool out_ended = false;  // finish() was called
  bool deferred = false;   // nghttp2 asked for bytes and there were none
  bool head_sent = false;
  bool end_sent = false;
  std::size_t pending() const { return borrowed.size() + out.size() - out_sent; }

  // The session's own notes.
  std::size_t header_bytes = 0, header_count = 0;
  bool queued = false;     // in the change list
  bool released = false;   // the owner has gone
  bool resetting = false;  // our RST_STREAM is queued
  std::uint64_t seen_bytes = 0;
  MonoTime stalled_since{};
};

class H2Session {
 public:
  H2Session(H2Role role, H2Profile profile);
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;
  ~H2Session();

  // Errors: malformed_http (not HTTP/2, or a flood). Then send what output() still has, and close.
  Result<void> receive(std::string_view bytes, MonoTime now);
  // Appends frames that are ready to `into`, until it holds about `bytes_max`.
  void output(std::string& into, std::size_t bytes_max);
  bool wants_output() const;
  // Neither side will say anything more: close the connection.
  bool finished() const;
  // The connection is gone: every stream is closed now, and nothing is sent or received any more.
  void abandon();

  // The next stream with news (a new request, body, end, close, or room to write), each at most
  // once until it is returned.
  H2Stream* next_changed();

  // Client: starts a request. `body` must live until the stream has nothing pending, or
  // adopt_body() is called. Errors: peer_unavailable (no streams are left, or the other side said
  // GOAWAY), malformed_http (a bad header).
  Result<H2Stream*> request(const RequestHead& head, std::string_view scheme, std::string_view body,
                            std::string front = {});
  void adopt_body(H2Stream& stream);
  // Server: the head of the answer, once. Errors: internal (a header that HTTP/2 cannot carry).
  Result<void> respond(H2Stream& stream, const ResponseHead& head, H2End end);
  void write(H2Stream& stream, std::string bytes);
  void finish(H2Stream& stream, std::string last);

  std::string take_body(H2Stream& stream);
  void reset(H2Stream& stream, H2Code code);
  // The owner lets go. What is pending still leaves if finish() was called; otherwise the stream is
  // reset.
  void release(H2Stream& stream);

  // Resets the streams whose bytes the other side has not taken for `patience`. Call it now and
  // then.
  void reset_stalled(MonoTime now, Duration patience);
  // The graceful end, in two steps (RFC 9113, section 6.8): say that it comes, then, a round trip
  // later, name the last stream. The session is finished() once the streams that are open have
  // ended.
  void announce_shutdown();
  void shutdown();

  void ping(std::uint64_t payload);
  std::optional<std::uint64_t> take_pong() { return std::exchange(pong_, std::nullopt); }

  std::size_t stream_count() const { return streams_.size(); }
  std::size_t peer_streams_max() const;  // the other side's SETTINGS_MAX_CONCURRENT_STREAMS
  bool settings_received() const { return settings_received_; }
  bool headers_open() const { return headers_open_; }  // half a block of headers is here
  bool goaway_received() const { return goaway_received_; }

 private:
  friend struct H2Callbacks;
  class Fields;

  void touch(H2Stream& stream);
  void forget(H2Stream& stream);
  void add_noise() { flooded_ = ++noise_ > noise_burst_ || flooded_; }

  H2Role role_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, H2Stream> streams_;  // each stays where it is
  std::deque<H2Stream*> changed_;
  std::string* output_ = nullptr;  // during output()
  std::size_t output_bytes_max_ = 0;
  std::optional<std::uint64_t> pong_;
  std::int32_t last_accepted_ = std::numeric_limits<std::int32_t>::max();
  bool settings_received_ = false;
  bool headers_open_ = false;
  bool goaway_received_ = false;
  bool abandoned_ = false;
  bool flooded_ = false;
  H2IncomingFrames incoming_;
  double noise_ = 0;
  double noise_burst_;
  double noise_per_second_;
  MonoTime noise_at_{};
};

}  // namespace tidegate::http
