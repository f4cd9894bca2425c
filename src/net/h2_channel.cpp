#include "net/h2_channel.hpp"

#include "base/limits.hpp"

namespace tidegate::net {

std::shared_ptr<H2Channel> H2Channel::start(Loop& loop, std::unique_ptr<Stream> stream,
                                            Options options) {
  std::shared_ptr<H2Channel> channel(new H2Channel(loop, std::move(stream), std::move(options)));
  spawn(live(channel));
  return channel;
}

H2Channel::H2Channel(Loop& loop, std::unique_ptr<Stream> stream, Options options)
    : H2Pump(loop, std::move(stream), http::H2Role::client, options.profile,
             {.tick = limits::link_tick, .write_idle = options.write_idle}),
      options_(std::move(options)),
      ready_(loop),
      replaceable_(loop),
      next_ping_(loop.now()) {}

Task<void> H2Channel::live(std::shared_ptr<H2Channel> self) {
  co_await self->run({});
  self->ended_ = true;
  self->look_at_state();
}

Task<void> H2Channel::ready() {
  while (usable_ && !session_.settings_received()) co_await ready_.wait();
}

Task<void> H2Channel::replaceable() {
  while (usable_ && !std::exchange(replace_, false)) co_await replaceable_.wait();
}

void H2Channel::replace() {
  replace_ = true;
  replaceable_.set();
}

void H2Channel::retire(Duration patience) {
  retire_by_ = loop_.now() + patience;
}

Task<Result<std::unique_ptr<http::ClientExchange>>> H2Channel::send(http::ClientRequest request,
                                                                    http::ClientTimeouts timeouts,
                                                                    Cancellation* cancellation) {
  const auto self = shared_from_this();  // the caller's pointer may go while this waits
  CO_TRY_VOID(co_await wait_for_stream(timeouts.connect, cancellation));
  http::RequestHead head{.method = std::move(request.method),
                         .target = std::move(request.target),
                         .authority = options_.authority,
                         .version = http::Version::http2,
                         .headers = std::move(request.headers)};
  // On a link no header has a value of its own, and the other side counts what comes.
  if (options_.profile != http::H2Profile::peer_link) {
    head.headers.set("content-length", std::to_string(request.front.size() + request.body.size()));
  }
  auto stream = session_.request(head, options_.scheme, request.body, std::move(request.front));
  if (!stream) {
    Error reason = std::move(stream).error();
    reason.origin = options_.origin;
    wake_waiter();
    co_return fail(std::move(reason));
  }
  auto exchange = std::make_unique<H2ClientExchange>(self, **stream, timeouts, cancellation);
  flush();
  wake_waiter();  // there may be room for more than this one
  co_return exchange;
}

// nghttp2 would queue a request beyond the other side's limit in silence, with no end in sight;
// here it waits its turn.
Task<Result<void>> H2Channel::wait_for_stream(Duration patience, Cancellation* cancellation) {
  if (!usable_) co_return fail(error(Retry::same_region, "The connection takes no more requests."));
  if (waiters_.empty() && has_room()) co_return Result<void>{};
  if (waiters_.size() >= limits::h2_waiters_max) {
    co_return fail(error(Retry::same_region, "Too many requests wait for this connection."));
  }
  const MonoTime deadline = loop_.now() + patience;
  Waiter waiter(loop_);
  const auto where = waiters_.insert(waiters_.end(), &waiter);
  Wake wake = Wake::signalled;
  while (usable_ && wake == Wake::signalled && !(waiters_.front() == &waiter && has_room())) {
    wake = co_await waiter.event.wait_until(deadline, cancellation);
  }
  const bool granted = usable_ && waiters_.front() == &waiter && has_room();
  waiters_.erase(where);
  if (wake == Wake::cancelled) {
    wake_waiter();
    co_return fail(ErrorCode::cancelled, "The request was cancelled.");
  }
  if (!granted) {
    wake_waiter();
    co_return fail(
        error(Retry::same_region, usable_ ? "No request slot of the connection became free in time."
                                          : "The connection takes no more requests."));
  }
  co_return Result<void>{};
}

// One at a time: whoever takes a slot, or gives up, wakes the next.
void H2Channel::wake_waiter() {
  if (!waiters_.empty() && (!usable_ || has_room())) waiters_.front()->event.set();
}

Error H2Channel::error(Retry retry, std::string message, std::string why) const {
  return {.code = options_.origin == Origin::peer ? ErrorCode::peer_unavailable
                                                  : ErrorCode::model_unavailable,
          .origin = options_.origin,
          .retry = retry,
          .message = std::move(message),
          .mend = {},
          .why = std::move(why)};
}

void H2Channel::on_stream(http::H2Stream& stream) {
  if (stream.owner) static_cast<H2ClientExchange*>(stream.owner)->changed();
}

void H2Channel::on_received() {
  if (const auto pong = session_.take_pong(); pong == pings_ && pinged_at_) {
    const Duration sample = loop_.now() - *pinged_at_;
    rtt_ = rtt_ == Duration{0} ? sample : (7 * rtt_ + sample) / 8;
    pinged_at_.reset();
  }
  look_at_state();
}

void H2Channel::on_tick(MonoTime now) {
  const bool idle = exchanges_.empty() && waiters_.empty();
  if (retire_by_ && (idle || now >= *retire_by_)) return hang_up();
  for (H2ClientExchange* exchange : exchanges_) exchange->check_deadline(now);
  if (pinged_at_) {
    if (now - *pinged_at_ >= options_.ping_timeout) hang_up();
  } else if (now >= next_ping_) {
    pinged_at_ = now;
    next_ping_ = now + options_.ping_interval;
    session_.ping(++pings_);
  }
}

void H2Channel::look_at_state() {
  const bool over = ended_ || session_.goaway_received() || session_.finished();
  if (over && std::exchange(usable_, false)) {
    replaceable_.set();
    for (Waiter* waiter : waiters_) waiter->event.set();
  }
  if (session_.settings_received() || !usable_) ready_.set();
  if (usable_) wake_waiter();  // the other side may have raised its limit
}

}  // namespace tidegate::net
