#include "net/pooled_client.hpp"

#include <fmt/format.h>

#include <cstring>
#include <deque>
#include <optional>

#include "http/h1_codec.hpp"
#include "net/dial.hpp"
#include "net/watchdog.hpp"

namespace tidegate::net {

namespace h1 = http::h1;

class PooledClient::Connection {
 public:
  Connection(Loop& loop, std::unique_ptr<Stream> stream)
      : stream_(std::move(stream)), watch_(loop, [this] {
          timed_out_ = true;
          stream_->close();
        }) {}

  // Another failure than time-out or close is the stream's own.
  Task<Result<std::size_t>> fill(Duration patience) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    if (end_ == capacity_) grow();
    watch_.expect_within(patience);
    auto got = co_await stream_->read({buffer_.get() + end_, capacity_ - end_});
    watch_.rest();
    if (got) end_ += *got;
    co_return got;
  }
  Task<Result<void>> write(std::string_view head, std::string_view body, Duration patience) {
    watch_.expect_within(patience);
    auto written = co_await stream_->write(head, body);
    watch_.rest();
    co_return written;
  }
  std::string_view unread() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void take(std::size_t bytes) { begin_ += bytes; }
  void close() { stream_->close(); }
  bool timed_out() const { return timed_out_; }
  bool reusable() { return unread().empty() && stream_->quiet(); }

 private:
  void grow() {
    auto larger = std::make_unique_for_overwrite<char[]>(2 * capacity_);
    std::memcpy(larger.get(), buffer_.get(), end_);
    buffer_ = std::move(larger);
    capacity_ *= 2;
  }

  std::unique_ptr<Stream> stream_;
  Watchdog watch_;
  std::size_t capacity_ = limits::read_buffer_bytes;
  std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
  std::size_t begin_ = 0, end_ = 0;
  bool timed_out_ = false;
};

struct PooledClient::Pool {
  EpollLoop& loop;
  const AddressSource address;
  const std::string host;
  const PooledClientOptions options;
  std::deque<std::unique_ptr<Connection>> idle;
  bool closed = false;

  std::unique_ptr<Connection> take_idle() {
    while (!idle.empty()) {
      auto connection = std::move(idle.back());
      idle.pop_back();
      if (connection->reusable()) return connection;
    }
    return nullptr;
  }
  void give_back(std::unique_ptr<Connection> connection) {
    // The oldest are never taken while newer ones are there: let go of those that the other side
    // has closed.
    while (!idle.empty() && !idle.front()->reusable()) idle.pop_front();
    if (!closed && connection->reusable() && idle.size() < options.idle_max)
      idle.push_back(std::move(connection));
  }
  Error error(ErrorCode code, Retry retry, std::string_view what) const {
    return Error{.code = code,
                 .origin = options.origin,
                 .retry = retry,
                 .message = fmt::format("{}: {}", host, what),
                 .mend = {},
                 .why = {}};
  }
};

class PooledClient::Exchange final : public http::ClientExchange {
 public:
  Exchange(std::shared_ptr<Pool> pool, std::string method, std::string head, std::string_view body,
           http::ClientTimeouts timeouts, Cancellation* cancellation)
      : pool_(std::move(pool)),
        method_(std::move(method)),
        request_head_(std::move(head)),
        request_body_(body),
        timeouts_(timeouts),
        cancellation_(cancellation),
        on_cancel_(cancellation, [this] {
          if (connection_) connection_->close();
        }) {}

  // The request is on its way: on a connection that is there, else on a new one.
  Task<Result<void>> start();
  Task<Result<http::ResponseHead>> head() override;
  Task<Result<std::string>> next_body() override;

 private:
  Task<Result<void>> start_anew();
  Task<Result<std::unique_ptr<Stream>>> open_stream();
  Task<Result<void>> transmit();
  Task<Result<h1::Response>> read_head();
  bool cancelled() const { return cancellation_ && cancellation_->requested(); }
  bool may_send_again() const {
    return reused_ && !answered_ && !cancelled() && !connection_->timed_out();
  }
  Error failure(Retry retry, std::string_view what) const;
  void finish();

  std::shared_ptr<Pool> pool_;
  const std::string method_;
  const std::string request_head_;
  const std::string_view request_body_;
  const http::ClientTimeouts timeouts_;
  Cancellation* const cancellation_;
  std::unique_ptr<Connection> connection_;
  Cancellation::Callback on_cancel_;
  std::optional<h1::BodyDecoder> decoder_;
  std::uint64_t received_ = 0;
  bool reused_ = false;
  bool answered_ = false;  // a byte of the answer has arrived
  bool keep_alive_ = false;
};

Error PooledClient::Exchange::failure(Retry retry, std::string_view what) const {
  if (cancelled()) return pool_->error(ErrorCode::cancelled, Retry::never, "cancelled");
  if (connection_ && connection_->timed_out()) {
    return pool_->error(pool_->options.timed_out, retry, "the answer did not come in time");
  }
  return pool_->error(pool_->options.unavailable, retry, what);
}

Task<Result<void>> PooledClient::Exchange::start() {
  if (cancelled()) co_return fail(failure(Retry::never, ""));
  connection_ = pool_->take_idle();
  if (!connection_) co_return co_await start_anew();
  reused_ = true;
  auto sent = co_await transmit();
  if (!sent && may_send_again()) co_return co_await start_anew();
  co_return sent;
}

Task<Result<void>> PooledClient::Exchange::start_anew() {
  reused_ = false;
  connection_.reset();
  auto stream = co_await open_stream();
  if (!stream) {
    Error error = std::move(stream).error();
    error.origin = pool_->options.origin;
    if (error.code != ErrorCode::cancelled) error.code = pool_->options.unavailable;
    co_return fail(std::move(error));
  }
  connection_ = std::make_unique<Connection>(pool_->loop, *std::move(stream));
  co_return co_await transmit();
}

Task<Result<std::unique_ptr<Stream>>> PooledClient::Exchange::open_stream() {
  const auto address = pool_->address();
  if (!address) {
    co_return fail(pool_->error(pool_->options.unavailable, Retry::same_region,
                                "its address is not known yet"));
  }
  if (pool_->options.tls) {
    co_return co_await dial_server(pool_->loop, *address, pool_->options.tls,
                                   pool_->options.tls_name, timeouts_.connect, cancellation_);
  }
  co_return co_await dial(pool_->loop, *address, timeouts_.connect, cancellation_);
}

Task<Result<void>> PooledClient::Exchange::transmit() {
  auto sent = co_await connection_->write(request_head_, request_body_, timeouts_.first_byte);
  // Some of it may have arrived, so this is no longer "nothing was sent".
  if (!sent)
    co_return fail(failure(Retry::other_region, "the connection broke while the request was sent"));
  co_return Result<void>{};
}

Task<Result<http::ResponseHead>> PooledClient::Exchange::head() {
  auto response = co_await read_head();
  if (!response && may_send_again()) {
    CO_TRY_VOID(co_await start_anew());
    response = co_await read_head();
  }
  if (!response) {
    connection_->close();
    co_return fail(std::move(response).error());
  }
  keep_alive_ = response->keep_alive;
  decoder_.emplace(response->body);
  if (decoder_->done()) finish();
  co_return std::move(response->head);
}

Task<Result<h1::Response>> PooledClient::Exchange::read_head() {
  for (h1::HeadScanner scanner;;) {
    const auto size = scanner.scan(connection_->unread());
    if (!size)
      co_return fail(
          pool_->error(pool_->options.unreadable, Retry::other_region, size.error().message));
    if (!*size) {
      const auto got = co_await connection_->fill(timeouts_.first_byte);
      if (!got || *got == 0)
        co_return fail(failure(Retry::other_region, "the connection was closed without an answer"));
      answered_ = true;
      continue;
    }
    auto response = h1::parse_response(connection_->unread().substr(0, **size), method_);
    if (!response || response->head.status == 101) {
      const std::string what =
          response ? "it switched protocols unasked" : response.error().message;
      co_return fail(pool_->error(pool_->options.unreadable, Retry::other_region, what));
    }
    connection_->take(**size);
    if (response->head.status >= 200) co_return response;
    scanner.reset();  // an interim answer: the real one follows
  }
}

Task<Result<std::string>> PooledClient::Exchange::next_body() {
  std::string piece;
  while (connection_ && piece.empty()) {
    std::string_view bytes = connection_->unread();
    const std::size_t before = bytes.size();
    const auto decoded = decoder_->decode(bytes, piece);
    connection_->take(before - bytes.size());
    received_ += piece.size();
    if (!decoded || received_ > pool_->options.answer_bytes_max) {
      connection_->close();
      co_return fail(pool_->error(pool_->options.unreadable, Retry::never,
                                  decoded ? "its answer is too large" : decoded.error().message));
    }
    if (decoder_->done()) {
      finish();
    } else if (piece.empty()) {
      const auto got = co_await connection_->fill(timeouts_.idle);
      if (!got || (*got == 0 && !decoder_->end_of_stream())) {
        co_return fail(failure(Retry::never, "the connection broke inside the answer"));
      }
      if (decoder_->done()) connection_.reset();
    }
  }
  co_return piece;
}

void PooledClient::Exchange::finish() {
  if (keep_alive_) {
    pool_->give_back(std::move(connection_));
  }
  connection_.reset();
}

namespace {

PooledClientOptions with_authority(PooledClientOptions options, const Address& address) {
  if (options.authority.empty()) {
    options.authority = address.family() == AF_UNIX ? "localhost" : address.to_string();
  }
  return options;
}

}  // namespace

PooledClient::PooledClient(EpollLoop& loop, Address address, PooledClientOptions options)
    : PooledClient(
          loop, [address] { return address; }, with_authority(std::move(options), address)) {}

PooledClient::PooledClient(EpollLoop& loop, AddressSource address, PooledClientOptions options)
    : pool_(std::make_shared<Pool>(
          Pool{loop, std::move(address), options.authority, std::move(options), {}, false})) {}

PooledClient::~PooledClient() {
  pool_->closed = true;
  pool_->idle.clear();
}

std::size_t PooledClient::idle() const {
  return pool_->idle.size();
}

Task<Result<std::unique_ptr<http::ClientExchange>>> PooledClient::send(
    http::ClientRequest request, http::ClientTimeouts timeouts, Cancellation* cancellation) {
  CO_TRY(std::string head, h1::encode_request_head(request, pool_->host));
  auto exchange = std::make_unique<Exchange>(pool_, std::move(request.method), std::move(head),
                                             request.body, timeouts, cancellation);
  CO_TRY_VOID(co_await exchange->start());
  co_return std::move(exchange);
}

}  // namespace tidegate::net
