// The server side of one HTTP/1.1 connection: requests one after another, each an exchange. A read
// stays armed while a handler works, because an HTTP/1.1 client that goes away is noticed in no
// other way. A client that half-closes after its request is taken for gone as well (so do nginx and
// Go): its work is cancelled, though an answer is still tried.
#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <optional>

#include "base/log.hpp"
#include "http/h1_codec.hpp"
#include "net/connection.hpp"
#include "net/watchdog.hpp"

namespace tidegate::net {
namespace {

namespace h1 = http::h1;

Error error_of(ErrorCode code, std::string_view message) {
  return Error{.code = code,
               .origin = Origin::client,
               .message = std::string(message),
               .mend = {},
               .why = {}};
}

// The second word of a request line, of bytes that were refused.
std::string_view target_of(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return {};
  const std::string_view rest = line.substr(space + 1);
  return rest.substr(0, rest.find(' '));
}

// Bytes that were read and not yet used. While a read is pending into room(), take() only moves the
// front.
class ReadBuffer {
 public:
  explicit ReadBuffer(std::string_view first)
      : capacity_(std::max(limits::read_buffer_bytes, first.size())) {
    data_ = std::make_unique_for_overwrite<char[]>(capacity_);
    std::memcpy(data_.get(), first.data(), first.size());
    end_ = first.size();
  }
  std::string_view unread() const { return {data_.get() + begin_, end_ - begin_}; }
  void take(std::size_t bytes) { begin_ += bytes; }
  void add(std::size_t bytes) { end_ += bytes; }
  bool full() const { return begin_ == 0 && end_ >= limits::read_ahead_bytes; }
  // Where to read to; grows only while what is unread fills it, and shrinks back once all is used.
  std::span<char> room() {
    const std::size_t used = end_ - begin_;
    const std::size_t wanted = used < capacity_ && used > 0 ? capacity_
                               : used == 0                  ? limits::read_buffer_bytes
                                                            : limits::read_ahead_bytes;
    if (wanted != capacity_) {
      auto moved = std::make_unique_for_overwrite<char[]>(wanted);
      std::memcpy(moved.get(), data_.get() + begin_, used);
      data_ = std::move(moved);
      capacity_ = wanted;
    } else if (begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, used);
    }
    begin_ = 0;
    end_ = used;
    return {data_.get() + end_, capacity_ - end_};
  }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t capacity_;
  std::size_t begin_ = 0, end_ = 0;
};

class H1Exchange;

class H1Connection {
 public:
  H1Connection(std::unique_ptr<Stream> stream, std::string_view already_read,
               http::Handler& handler, Loop& loop, const ConnectionOptions& options)
      : stream_(std::move(stream)),
        handler_(handler),
        loop_(loop),
        options_(options),
        buffer_(already_read),
        arrived_(loop),
        room_(loop),
        reader_ended_(loop),
        read_watch_(loop,
                    [this] {
                      timed_out_ = true;
                      arrived_.set();
                    }),
        write_watch_(loop, [this] { stream_->close(); }) {}

  Task<void> run();

  // What an exchange needs of its connection.
  const ConnectionOptions& options() const { return options_; }
  const http::ConnectionInfo& info() const { return stream_->info(); }
  std::string_view date() { return http_date(loop_.clock().wall()); }
  MonoTime now() const { return loop_.now(); }
  bool ending() const { return ended_ || draining_; }
  bool ended() const { return ended_; }
  std::string_view unread() const { return buffer_.unread(); }
  void take(std::size_t bytes);
  // Suspends until more bytes arrived, the stream ended or the connection drains; false after
  // `patience`.
  Task<bool> more_within(Duration patience);
  Task<Result<void>> send(h1::Pieces pieces);
  void abort() { stream_->close(); }

 private:
  Task<void> read();
  Task<Result<std::optional<h1::Request>>> next_request();
  // False: the connection ends here.
  Task<bool> serve(h1::Request request);
  Task<void> refuse(Error error);
  Task<void> linger();

  std::unique_ptr<Stream> stream_;
  http::Handler& handler_;
  Loop& loop_;
  const ConnectionOptions& options_;
  ReadBuffer buffer_;
  Event arrived_, room_, reader_ended_;
  Watchdog read_watch_, write_watch_;
  H1Exchange* exchange_ = nullptr;
  bool timed_out_ = false;
  bool draining_ = false;
  bool closing_ = false;
  bool ended_ = false;   // nothing more will arrive
  bool reading_ = true;  // read() has not returned
};

class H1Exchange final : public http::Exchange {
 public:
  H1Exchange(H1Connection& connection, h1::Request request)
      : connection_(connection),
        request_(std::move(request)),
        decoder_(request_.body),
        encoder_(request_) {}

  const http::RequestHead& head() const override { return request_.head; }
  const http::ConnectionInfo& connection() const override { return connection_.info(); }
  Task<Result<std::string>> next_body() override;
  Task<Result<void>> begin(http::ResponseHead head) override;
  Task<Result<void>> write(std::string bytes) override {
    return send(encoder_.write(std::move(bytes)));
  }
  Task<Result<void>> finish(std::string last) override {
    finished_ = true;
    return send(encoder_.finish(std::move(last)));
  }
  bool begun() const override { return encoder_.begun(); }
  Cancellation& cancellation() override { return cancellation_; }
  void abort() override {
    broken_ = true;
    connection_.abort();
  }

  bool finished() const { return finished_ && !broken_; }
  bool keeps_alive() const { return finished() && !encoder_.closes(); }
  bool body_done() const { return decoder_.done(); }
  void client_gone() {
    if (!finished_) cancellation_.request();
  }

 private:
  Task<Result<void>> send(Result<h1::Pieces> pieces);
  Task<bool> more_body();
  bool worth_discarding() const;

  H1Connection& connection_;
  const h1::Request request_;
  h1::BodyDecoder decoder_;
  h1::ResponseEncoder encoder_;
  Cancellation cancellation_;
  std::uint64_t received_ = 0;
  Duration waited_{};  // for the body
  bool asked_for_body_ = false;
  bool body_failed_ = false;
  bool finished_ = false;
  bool broken_ = false;
};

// --- the exchange ---

Task<Result<std::string>> H1Exchange::next_body() {
  std::string piece;
  for (;;) {
    std::string_view bytes = connection_.unread();
    const std::size_t before = bytes.size();
    auto decoded = decoder_.decode(bytes, piece);
    connection_.take(before - bytes.size());
    received_ += piece.size();
    body_failed_ = true;  // until this piece is known to be good
    if (!decoded) co_return fail(std::move(decoded).error());
    if (received_ + decoder_.announced() > limits::body_bytes_max) {
      co_return fail(
          error_of(ErrorCode::body_too_large,
                   fmt::format("The body is larger than {} bytes.", limits::body_bytes_max)));
    }
    if (!piece.empty() || decoder_.done()) {
      body_failed_ = false;
      co_return piece;
    }
    if (connection_.ended())
      co_return fail(error_of(ErrorCode::cancelled, "The client went away."));
    if (request_.expects_continue && !std::exchange(asked_for_body_, true) && received_ == 0 &&
        before == 0) {
      CO_TRY_VOID(co_await connection_.send({std::string(h1::continue_response), {}}));
    }
    if (!co_await more_body()) {
      co_return fail(
          error_of(ErrorCode::request_timeout, "The rest of the request did not arrive in time."));
    }
  }
}

// False: the client is silent, or so slow that it only holds the connection.
Task<bool> H1Exchange::more_body() {
  const Duration idle_max = connection_.options().body_idle_timeout;
  const MonoTime since = connection_.now();
  const Duration patience = std::min(idle_max, body_patience(idle_max, received_) - waited_);
  const bool more = co_await connection_.more_within(patience);
  waited_ += connection_.now() - since;
  co_return more;
}

// Reading a little that nobody wants is cheaper than a new connection.
bool H1Exchange::worth_discarding() const {
  if (decoder_.done()) return true;
  const bool will_come = !request_.expects_continue || asked_for_body_;
  return will_come && !body_failed_ &&
         decoder_.remaining().value_or(UINT64_MAX) <= limits::discard_bytes_max;
}

Task<Result<void>> H1Exchange::begin(http::ResponseHead head) {
  if (encoder_.begun()) co_return fail(ErrorCode::internal, "The answer has two heads.");
  const bool keep = request_.keep_alive && !connection_.ending() && worth_discarding();
  encoder_.begin(std::move(head), connection_.date(), keep ? h1::After::keep : h1::After::close);
  co_return Result<void>{};
}

Task<Result<void>> H1Exchange::send(Result<h1::Pieces> pieces) {
  Result<void> sent;
  if (!encoder_.begun()) {
    sent = fail(ErrorCode::internal, "The answer has no head.");
  } else if (!pieces) {
    sent = fail(std::move(pieces).error());
  } else if (!pieces->empty()) {
    sent = co_await connection_.send(*std::move(pieces));
  }
  if (!sent) {
    abort();
    cancellation_.request();
  }
  co_return sent;
}

// --- the connection ---

Task<void> H1Connection::run() {
  spawn(read());
  Cancellation::Callback on_drain(options_.drain, [this] {
    draining_ = true;
    arrived_.set();
  });
  for (bool more = true; more;) {
    auto request = co_await next_request();
    if (!request) {
      co_await refuse(std::move(request).error());
      break;
    }
    if (!*request) break;
    more = co_await serve(**std::move(request));
  }
  stream_->close();
  closing_ = true;
  room_.set();
  while (reading_) co_await reader_ended_.wait();
}

Task<void> H1Connection::read() {
  for (;;) {
    while (buffer_.full() && !closing_) co_await room_.wait();
    const auto got = co_await stream_->read(buffer_.room());
    if (!got || *got == 0) break;
    buffer_.add(*got);
    arrived_.set();
  }
  ended_ = true;
  arrived_.set();
  if (exchange_) exchange_->client_gone();
  reading_ = false;
  reader_ended_.set();
}

void H1Connection::take(std::size_t bytes) {
  const bool was_full = buffer_.full();
  buffer_.take(bytes);
  if (was_full && bytes > 0) room_.set();
}

Task<bool> H1Connection::more_within(Duration patience) {
  timed_out_ = false;
  read_watch_.expect_within(patience);
  co_await arrived_.wait();
  read_watch_.rest();
  co_return !timed_out_;
}

Task<Result<void>> H1Connection::send(h1::Pieces pieces) {
  std::string_view front = pieces.front;
  std::string_view back = pieces.back;
  Result<void> sent;
  do {
    // In slices, so that a slow reader of a large answer is not taken for one that never reads.
    const std::string_view slice = back.substr(0, limits::write_slice_bytes);
    back.remove_prefix(slice.size());
    write_watch_.expect_within(options_.write_idle_timeout);
    sent = co_await stream_->write(front, slice);
    front = {};
  } while (sent && !back.empty());
  write_watch_.rest();
  co_return sent;
}

Task<Result<std::optional<h1::Request>>> H1Connection::next_request() {
  h1::HeadScanner scanner;
  MonoTime head_deadline{};
  for (;;) {
    CO_TRY(const auto size, scanner.scan(buffer_.unread()));
    if (size) {
      CO_TRY(auto request, h1::parse_request(buffer_.unread().substr(0, *size)));
      take(*size);
      co_return request;
    }
    const bool idle = buffer_.unread().empty();
    if (ended_ || (idle && draining_)) co_return std::nullopt;
    // A head that comes in drops gains no time with each of them.
    if (!idle && head_deadline == MonoTime{}) head_deadline = loop_.now() + options_.header_timeout;
    const Duration patience = idle ? options_.keep_alive_timeout : head_deadline - loop_.now();
    if (!co_await more_within(patience)) {
      if (idle) co_return std::nullopt;
      co_return fail(
          error_of(ErrorCode::request_timeout, "The rest of the request did not arrive in time."));
    }
  }
}

Task<bool> H1Connection::serve(h1::Request request) {
  H1Exchange exchange(*this, std::move(request));
  exchange_ = &exchange;
  if (ended_) exchange.client_gone();
  try {
    co_await handler_.serve(exchange);
  } catch (const std::exception& bug) {
    log::error("handler_threw", {{"what", bug.what()}});
    exchange.abort();
  }
  exchange_ = nullptr;
  if (!exchange.finished()) {
    stream_->close();
    co_return false;
  }
  while (exchange.keeps_alive() && !exchange.body_done()) {
    if (auto unwanted = co_await exchange.next_body(); !unwanted) co_return false;
  }
  if (exchange.keeps_alive()) co_return true;
  if (!exchange.body_done() || !buffer_.unread().empty()) co_await linger();
  co_return false;
}

Task<void> H1Connection::refuse(Error error) {
  MalformedAnswer answer = malformed_answer(options_, error, target_of(buffer_.unread()));
  h1::ResponseEncoder encoder;
  encoder.begin(std::move(answer.head), date(), h1::After::close);
  if (auto pieces = encoder.finish(std::move(answer.body))) {
    if (co_await send(*std::move(pieces))) co_await linger();
  }
}

// A close with unread bytes makes the kernel send a reset, which can overtake the answer (RFC 9112,
// section 9.6).
Task<void> H1Connection::linger() {
  stream_->shutdown_write();
  const MonoTime deadline = loop_.now() + limits::linger_timeout;
  std::size_t discarded = 0;
  while (!ended_ && discarded < limits::linger_bytes_max) {
    const std::size_t bytes = buffer_.unread().size();
    discarded += bytes;
    take(bytes);
    if (!co_await more_within(deadline - loop_.now())) break;
  }
}

}  // namespace

Task<void> serve_h1(std::unique_ptr<Stream> stream, std::string already_read,
                    http::Handler& handler, Loop& loop, const ConnectionOptions& options) {
  H1Connection connection(std::move(stream), already_read, handler, loop, options);
  std::string().swap(
      already_read);  // it was copied, and this frame lives as long as the connection
  co_await connection.run();
}

}  // namespace tidegate::net
