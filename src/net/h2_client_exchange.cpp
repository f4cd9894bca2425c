// A request under way on a channel: its waits, its time-outs, and what a break means for another
// try.
#include "base/limits.hpp"
#include "net/h2_channel.hpp"

namespace tidegate::net {

H2ClientExchange::H2ClientExchange(std::shared_ptr<H2Channel> channel, http::H2Stream& stream,
                                   http::ClientTimeouts timeouts, Cancellation* cancellation)
    : channel_(std::move(channel)),
      stream_(stream),
      timeouts_(timeouts),
      cancellation_(cancellation),
      changed_(channel_->loop_),
      on_cancel_(cancellation, [this] { changed_.set(); }) {
  stream_.owner = this;
  where_ = channel_->exchanges_.insert(channel_->exchanges_.end(), this);
}

H2ClientExchange::~H2ClientExchange() {
  channel_->exchanges_.erase(where_);
  channel_->session_.release(stream_);  // RST_STREAM(CANCEL) unless it has ended
  channel_->flush();
  channel_->wake_waiter();
}

Task<Result<http::ResponseHead>> H2ClientExchange::head() {
  extend(timeouts_.first_byte);
  std::optional<Error> stop = trouble();
  while (!stop && !stream_.head_complete) {
    co_await changed_.wait();
    stop = trouble();
  }
  deadline_.reset();
  if (stop) {
    channel_->session_.reset(stream_, http::H2Code::cancel);  // the caller's body may go now
    channel_->flush();
    co_return fail(*std::move(stop));
  }
  // The caller's body may go now; an answer that came before its end leaves a rest to send.
  channel_->session_.adopt_body(stream_);
  co_return std::move(stream_.response);
}

Task<Result<std::string>> H2ClientExchange::next_body() {
  extend(timeouts_.idle);
  while (stream_.body.empty() && !stream_.ended) {
    if (auto stop = trouble()) co_return fail(*std::move(stop));
    co_await changed_.wait();
  }
  deadline_.reset();
  if (cancellation_ && cancellation_->requested()) co_return fail(*trouble());
  std::string piece = channel_->session_.take_body(stream_);
  if (channel_->session_.wants_output()) channel_->flush();  // WINDOW_UPDATE
  co_return piece;
}

std::optional<Error> H2ClientExchange::trouble() const {
  if (cancellation_ && cancellation_->requested()) {
    return Error{.code = ErrorCode::cancelled,
                 .message = "The request was cancelled.",
                 .mend = {},
                 .why = {}};
  }
  if (stream_.head_error) {
    return channel_->error(Retry::other_region, "The headers of the answer are too large.");
  }
  if (stream_.closed && !stream_.ended) {
    const Retry retry = stream_.unprocessed() ? Retry::same_region : Retry::other_region;
    return channel_->error(
        retry, "The connection or the request broke before the answer was complete.",
        "HTTP/2 error code " + std::to_string(static_cast<std::uint32_t>(stream_.close_code)));
  }
  if (late_) return channel_->error(Retry::other_region, "The answer did not come in time.");
  return std::nullopt;
}

void H2ClientExchange::extend(Duration by) {
  deadline_ = channel_->loop_.now() + by;
}

void H2ClientExchange::check_deadline(MonoTime now) {
  if (!deadline_) return;
  // While the request's body is still leaving, the answer is not due; a stall ends at write_idle.
  if (stream_.pending() > 0 && !stream_.head_complete) {
    deadline_ = now + timeouts_.first_byte;
  } else if (now >= *deadline_) {
    late_ = true;
    changed_.set();
  }
}

}  // namespace tidegate::net
