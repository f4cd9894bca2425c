#include "net/h2_connection.hpp"

#include <algorithm>
#include <charconv>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace tidegate::net {

namespace {

constexpr std::uint64_t drain_ping = 0x6472'6169'6e00'0001;  // tells our PING from the client's own

// Often enough for the shortest time-out to be kept within a quarter.
Duration tick_of(const ConnectionOptions& options) {
  const Duration shortest = std::min({options.header_timeout, options.body_idle_timeout,
                                      options.write_idle_timeout, options.keep_alive_timeout});
  return std::clamp<Duration>(shortest / 4, 10ms, limits::h2_tick);
}

std::unexpected<Error> client_gone() {
  return fail({.code = ErrorCode::cancelled,
               .origin = Origin::client,
               .message = "The client has gone.",
               .mend = {},
               .why = {}});
}

std::unexpected<Error> misuse(std::string_view what) {
  return fail(ErrorCode::internal, std::string(what));
}

bool has_no_body(std::string_view method, int status) {
  return method == "HEAD" || status == 204 || status == 304;
}

}  // namespace

H2Exchange::H2Exchange(H2Connection& connection, http::H2Stream& stream)
    : connection_(connection),
      stream_(stream),
      readable_(connection.loop_),
      writable_(connection.loop_) {
  stream_.owner = this;
  connection_.exchanges_.push_back(this);
}

H2Exchange::~H2Exchange() {
  if (!finished_) abort();
  std::erase(connection_.exchanges_, this);
  connection_.session_.release(stream_);
  connection_.flush();
}

const http::ConnectionInfo& H2Exchange::connection() const {
  return connection_.stream_->info();
}

bool H2Exchange::body_too_large() const {
  const bool peer = connection_.options_.h2_profile == http::H2Profile::peer_link;
  const std::size_t max = peer ? limits::link_body_bytes_max : limits::body_bytes_max;
  if (stream_.body_bytes > max) return true;
  const auto declared = stream_.request.headers.get("content-length");
  std::uint64_t length = 0;  // that it is a number, and true, is nghttp2's check
  if (declared) std::from_chars(declared->data(), declared->data() + declared->size(), length);
  return length > max;
}

Task<Result<std::string>> H2Exchange::next_body() {
  if (body_too_large()) co_return fail(ErrorCode::body_too_large, "The request body is too large.");
  while (stream_.body.empty() && !stream_.ended) {
    if (lost()) co_return client_gone();
    if (body_late_)
      co_return fail(ErrorCode::request_timeout, "The request body did not arrive in time.");
    reading_since_ = connection_.loop_.now();
    co_await readable_.wait();
    waited_ += connection_.loop_.now() - *reading_since_;
    reading_since_.reset();
  }
  if (lost()) co_return client_gone();
  if (body_too_large()) co_return fail(ErrorCode::body_too_large, "The request body is too large.");
  std::string piece = connection_.session_.take_body(stream_);
  if (connection_.session_.wants_output()) connection_.flush();  // WINDOW_UPDATE
  co_return piece;
}

Task<Result<void>> H2Exchange::begin(http::ResponseHead head) {
  if (lost()) co_return client_gone();
  if (begun_) co_return misuse("begin() was called twice");
  const bool dated = connection_.options_.h2_profile != http::H2Profile::peer_link;
  if (dated && head.headers.count("date") == 0) {
    head.headers.add("date", http_date(connection_.loop_.clock().wall()));
  }
  const bool bare = has_no_body(stream_.request.method, head.status);
  auto responded =
      connection_.session_.respond(stream_, head, bare ? http::H2End::here : http::H2End::open);
  if (!responded) co_return responded;
  begun_ = true;
  connection_.flush();
  co_return Result<void>{};
}

Task<Result<void>> H2Exchange::write(std::string bytes) {
  if (lost()) co_return client_gone();
  if (!begun_ || finished_) co_return misuse("write() outside of an answer");
  connection_.session_.write(stream_, std::move(bytes));
  connection_.flush();
  if (stream_.pending() > limits::write_high_bytes) {
    while (!lost() && stream_.pending() > limits::write_low_bytes) co_await writable_.wait();
  }
  if (lost()) co_return client_gone();
  co_return Result<void>{};
}

Task<Result<void>> H2Exchange::finish(std::string last) {
  if (lost()) co_return client_gone();
  if (!begun_ || finished_) co_return misuse("finish() outside of an answer");
  finished_ = true;
  connection_.session_.finish(stream_, std::move(last));
  connection_.flush();
  co_return Result<void>{};
}

void H2Exchange::abort() {
  if (finished_ || std::exchange(aborted_, true)) return;
  connection_.session_.reset(stream_, http::H2Code::internal_error);
  connection_.flush();
}

void H2Exchange::changed() {
  readable_.set();
  writable_.set();
  if (stream_.closed && !stream_.end_sent) cancellation_.request();
}

void H2Exchange::check_body(MonoTime now, Duration idle_max) {
  if (!reading_since_) return;
  const Duration since = now - *reading_since_;
  if (since < idle_max && waited_ + since < body_patience(idle_max, stream_.body_bytes)) return;
  body_late_ = true;
  readable_.set();
}

H2Connection::H2Connection(std::unique_ptr<Stream> stream, http::Handler& handler, Loop& loop,
                           const ConnectionOptions& options)
    : H2Pump(loop, std::move(stream), http::H2Role::server, options.h2_profile,
             {.tick = tick_of(options), .write_idle = options.write_idle_timeout}),
      handler_(handler),
      options_(options),
      all_served_(loop),
      started_(loop.now()),
      idle_since_(started_) {}

Task<void> H2Connection::serve(std::string already_read) {
  {
    const Cancellation::Callback draining(options_.drain, [this] { start_drain(); });
    co_await run(std::move(already_read));
  }
  while (running_ > 0) co_await all_served_.wait();
}

void H2Connection::on_stream(http::H2Stream& stream) {
  if (stream.owner) return static_cast<H2Exchange*>(stream.owner)->changed();
  if (stream.closed) return session_.release(stream);  // came and went in one turn
  if (stream.head_error) return answer_malformed(stream);
  ++requests_;
  // A client that opens and resets keeps tasks running, not streams: those are bounded here.
  const bool peer = options_.h2_profile == http::H2Profile::peer_link;
  if (running_ >= 2 * (peer ? limits::link_streams_max : limits::h2_streams_max)) {
    session_.reset(stream, http::H2Code::refused_stream);
    return session_.release(stream);
  }
  spawn(serve_stream(stream));
}

Task<void> H2Connection::serve_stream(http::H2Stream& stream) {
  ++running_;
  {
    H2Exchange exchange(*this, stream);
    co_await run_handler(exchange);
  }
  if (--running_ == 0) all_served_.set();
}

// The one place where an exception of a request ends: it is a bug, and costs this exchange only.
Task<void> H2Connection::run_handler(H2Exchange& exchange) {
  try {
    co_await handler_.serve(exchange);
  } catch (const std::exception& error) {
    log::error("handler_threw", {{"what", error.what()}});
  }
}

void H2Connection::answer_malformed(http::H2Stream& stream) {
  MalformedAnswer answer = malformed_answer(options_, *stream.head_error, stream.request.target);
  answer.head.headers.add("date", http_date(loop_.clock().wall()));
  answer.head.headers.add("content-length", std::to_string(answer.body.size()));
  if (session_.respond(stream, answer.head, http::H2End::open)) {
    session_.finish(stream, std::move(answer.body));
  }
  session_.release(stream);
}

void H2Connection::on_received() {
  if (session_.take_pong() == drain_ping && !std::exchange(shut_down_, true)) session_.shutdown();
}

void H2Connection::start_drain() {
  draining_since_ = loop_.now();
  session_.announce_shutdown();
  session_.ping(drain_ping);  // its answer says that the client has heard
  flush();
}

void H2Connection::on_tick(MonoTime now) {
  for (H2Exchange* exchange : exchanges_) exchange->check_body(now, options_.body_idle_timeout);
  if (draining_since_ && now - *draining_since_ >= limits::h2_tick &&
      !std::exchange(shut_down_, true)) {
    session_.shutdown();
  }
  check_silence(now);
}

void H2Connection::check_silence(MonoTime now) {
  if (!session_.settings_received() && now - started_ >= options_.header_timeout) return hang_up();

  if (!session_.headers_open()) {
    headers_open_since_.reset();
  } else if (!headers_open_since_) {
    headers_open_since_ = now;
  } else if (now - *headers_open_since_ >= options_.header_timeout) {
    return hang_up();
  }

  // The dialling side of a link sends PING every second: silence is a dead link, and its requests
  // are nobody's.
  const bool peer = options_.h2_profile == http::H2Profile::peer_link;
  if (peer && now - last_read_ >= 2 * limits::link_ping_timeout) return hang_up();

  if (session_.stream_count() > 0 || requests_ != requests_seen_) {
    requests_seen_ = requests_;
    idle_since_ = now;
  } else if (now - idle_since_ >= options_.keep_alive_timeout && !std::exchange(shut_down_, true)) {
    session_.shutdown();
  }
}

Task<void> serve_h2(std::unique_ptr<Stream> stream, std::string already_read,
                    http::Handler& handler, Loop& loop, const ConnectionOptions& options) {
  H2Connection connection(std::move(stream), handler, loop, options);
  co_await connection.serve(std::move(already_read));
}

}  // namespace tidegate::net
