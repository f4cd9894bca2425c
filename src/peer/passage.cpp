#include "peer/passage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "aws/errors.hpp"
#include "aws/event_stream.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "peer/refusal.hpp"

namespace tidegate::peer {
namespace {

constexpr std::string_view event_stream_type = "application/vnd.amazon.eventstream";
constexpr http::ClientTimeouts timeouts{.connect = limits::backend_connect_timeout,
                                        .first_byte = limits::peer_first_byte_timeout,
                                        .idle = limits::peer_idle_timeout};

// What of the peer's headers is the client's business; the rest is the gateway's at home.
bool passes_on(std::string_view header) {
  constexpr std::string_view metering = "x-amzn-bedrock-";
  return iequals_ascii(header, "content-type") || iequals_ascii(header, "cache-control") ||
         iequals_ascii(header, "x-tidegate-model") ||
         iequals_ascii(header.substr(0, metering.size()), metering);
}

std::size_t message_length(std::string_view bytes) {
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

// The last chunk of every model family carries "amazon-bedrock-invocationMetrics", in base64: what
// is the same of it, whichever of the three ways it falls on groups of three bytes.
bool has_invocation_metrics(std::string_view payload) {
  static const auto encoded = [] {
    std::array<std::string, 3> out;
    for (std::size_t shift = 0; shift < out.size(); ++shift) {
      const std::string text =
          to_base64(std::string(shift, ' ') + "amazon-bedrock-invocationMetrics");
      out[shift] = text.substr(shift == 0 ? 0 : 4, 36);
    }
    return out;
  }();
  return std::ranges::any_of(encoded,
                             [&](const std::string& text) { return payload.contains(text); });
}

// Whether this event is never the last of a stream: Converse's deltas and what surrounds them, and
// InvokeModel's chunks. Only of any other must the newest be kept back, so that these cost no
// delay.
bool is_never_last(std::string_view message) {
  aws::EventStreamDecoder decoder;
  decoder.feed(message);
  const auto decoded = decoder.next();
  if (!decoded || !*decoded) return false;
  const auto type = (*decoded)->string_header(":event-type");
  if (type == "chunk") return !has_invocation_metrics((*decoded)->payload);
  return type == "messageStart" || type == "contentBlockStart" || type == "contentBlockDelta" ||
         type == "contentBlockStop";
}

// How much of these whole messages may leave before the trailer: all, or all but the last one.
std::size_t may_leave(std::string_view messages) {
  std::size_t last = 0;
  for (std::size_t at = 0; at < messages.size(); at += message_length(messages.substr(at)))
    last = at;
  return is_never_last(messages.substr(last)) ? messages.size() : last;
}

// The same for server-sent events. The last ones of OpenAI and Anthropic have marks that a token
// seldom has.
std::size_t events_may_leave(std::string_view events) {
  const auto end = events.rfind("\n\n");
  if (end == std::string_view::npos) return 0;
  const std::size_t whole = end + 2;
  const auto before = end == 0 ? std::string_view::npos : events.rfind("\n\n", end - 1);
  const std::size_t last = before == std::string_view::npos ? 0 : before + 2;
  const std::string_view event = events.substr(last, whole - last);
  return event.contains("[DONE]") || event.contains("message_stop") ? last : whole;
}

class Passage {
 public:
  Passage(http::Exchange& exchange, std::shared_ptr<http::Channel> channel, PassageRequest request,
          PassageResult& result, Loop& loop)
      : exchange_(exchange),
        channel_(std::move(channel)),
        request_(std::move(request)),
        loop_(loop),
        result_(result) {}

  Task<Result<void>> carry() {
    result_.started = loop_.now();
    auto sent = co_await channel_->send(make_request(), timeouts, &exchange_.cancellation());
    if (!sent) co_return broken(std::move(sent).error());
    answer_ = *std::move(sent);
    auto head = co_await answer_->head();
    if (!head) co_return broken(std::move(head).error());
    result_.bytes_sent = static_cast<std::int64_t>(request_.body.size());
    if (head->status != 200) co_return co_await refused(*std::move(head));

    while (!reader_.headers()) {
      auto bytes = co_await answer_->next_body();
      if (!bytes) co_return broken(std::move(bytes).error());
      if (bytes->empty()) co_return interrupted("there is no trailer");
      CO_TRY_VOID(take(*bytes, begun_));
    }
    for (const http::Header& header : *reader_.headers()) {
      if (passes_on(header.name)) result_.answer_head.headers.add(header.name, header.value);
    }
    const auto type = reader_.headers()->get("content-type").value_or("");
    if (type == event_stream_type) {
      CO_TRY_VOID(co_await carry_stream());
    } else if (type.starts_with("text/event-stream")) {
      CO_TRY_VOID(co_await carry_events());
    } else {
      CO_TRY_VOID(co_await carry_whole());
    }
    co_return check_trailer();
  }

  // After carry().
  void end(Result<void> carried) {
    if (!carried) {
      result_.error = std::move(carried).error();
      result_.answer_tail.clear();
      if (exchange_.begun()) result_.error->retry = Retry::never;
    }
    result_.ended = loop_.now();
  }

 private:
  http::ClientRequest make_request() const {
    return {.method = "POST",
            .target = std::string(execute_path),
            .headers = {},
            .body = request_.body,
            .front = request_front(request_.token, request_.traceparent)};
  }

  // Appends what of `bytes` is the answer's to `answer`, hashed and counted.
  Result<void> take(std::string_view bytes, std::string& answer) {
    const std::size_t before = answer.size();
    if (const auto read = reader_.feed(bytes, answer); !read) return interrupted(read.error().why);
    const std::string_view taken = std::string_view(answer).substr(before);
    if (taken.empty()) return {};
    if (result_.first_byte == MonoTime{}) result_.first_byte = loop_.now();
    hasher_.update(taken);
    result_.bytes_received += static_cast<std::int64_t>(taken.size());
    return {};
  }

  // The next bytes of the answer; empty at its end.
  Task<Result<std::string>> next_piece() {
    std::string piece = std::exchange(begun_, {});
    while (piece.empty()) {
      auto bytes = co_await answer_->next_body();
      if (!bytes) co_return broken(std::move(bytes).error());
      if (bytes->empty()) break;
      CO_TRY_VOID(take(*bytes, piece));
    }
    co_return piece;
  }

  Task<Result<void>> carry_whole() {
    std::string& whole = result_.answer_tail;
    whole = std::move(begun_);
    while (whole.size() <= limits::backend_answer_bytes_max) {
      auto bytes = co_await answer_->next_body();
      if (!bytes) co_return broken(std::move(bytes).error());
      if (bytes->empty()) co_return Result<void>();
      CO_TRY_VOID(take(*bytes, whole));
    }
    co_return interrupted("the answer is too long");
  }

  Task<Result<void>> carry_stream() {
    aws::EventStreamDecoder decoder;
    std::string& kept_back = result_.answer_tail;
    for (;;) {
      CO_TRY(const std::string piece, co_await next_piece());
      if (piece.empty()) break;
      decoder.feed(piece);
      auto messages = decoder.next_raw();
      if (!messages)
        co_return interrupted("the event stream is malformed: " + messages.error().message);
      if (!*messages) continue;
      kept_back += **messages;
      CO_TRY_VOID(co_await let_go(may_leave(kept_back)));
    }
    if (!decoder.empty()) co_return interrupted("the event stream ends inside a message");
    co_return Result<void>();
  }

  Task<Result<void>> carry_events() {
    std::string& kept_back = result_.answer_tail;
    for (;;) {
      CO_TRY(const std::string piece, co_await next_piece());
      if (piece.empty()) break;
      kept_back += piece;
      CO_TRY_VOID(co_await let_go(events_may_leave(kept_back)));
      if (kept_back.size() > limits::sse_event_bytes_max) {
        co_return interrupted("an event is longer than the limit");
      }
    }
    if (!kept_back.empty() && !kept_back.ends_with("\n\n")) {
      co_return interrupted("the stream ends inside an event");
    }
    co_return Result<void>();
  }

  // The first bytes of what was kept back go on to the client.
  Task<Result<void>> let_go(std::size_t leaving) {
    if (leaving == 0) co_return Result<void>();
    std::string& kept_back = result_.answer_tail;
    if (!exchange_.begun()) CO_TRY_VOID(co_await exchange_.begin(result_.answer_head));
    CO_TRY_VOID(co_await exchange_.write(kept_back.substr(0, leaving)));
    kept_back.erase(0, leaving);
    co_return Result<void>();
  }

  // The peer's own account, under the link's secret, must be about this request, this row and these
  // bytes.
  Result<void> check_trailer() {
    const auto sealed = reader_.trailer();
    if (!sealed) return interrupted("there is no trailer");
    auto opened = Trailer::open(*sealed, channel_->connection().link_key);
    if (!opened) return interrupted(opened.error().why);
    result_.trailer = *std::move(opened);
    const Trailer& trailer = result_.trailer;
    if (trailer.request_id != request_.request_id)
      return interrupted("the trailer is another request's");
    if (trailer.region != request_.region)
      return mismatch("trailer_region", "signs for another Region");
    if (trailer.row_hash != request_.row_hash) return mismatch("trailer_row", "ran another row");
    result_.attested = trailer.answer_sha256 == hasher_.finish() && is_outcome(trailer.outcome);
    if (trailer.outcome != "success") {
      return fail(peer_error(trailer.outcome, trailer.error_message, "", ""));
    }
    if (!result_.attested) return interrupted("the trailer is about other bytes");
    return {};
  }

  // An answer that is not 200: the peer says which error of ours it is.
  Task<Result<void>> refused(http::ResponseHead head) {
    std::string body;
    for (;;) {
      auto piece = co_await answer_->next_body();
      if (!piece) co_return broken(std::move(piece).error());
      if (piece->empty()) break;
      if (result_.first_byte == MonoTime{}) result_.first_byte = loop_.now();
      result_.bytes_received += static_cast<std::int64_t>(piece->size());
      if (body.size() + piece->size() > limits::peer_refusal_bytes_max) {
        co_return interrupted("the refusal is too long");
      }
      body += *piece;
    }
    const auto code = head.headers.get(error_header);
    if (!code)
      co_return interrupted(fmt::format("status {} without {}", head.status, error_header));
    co_return fail(read_refusal(*code, head.headers.get(why_header).value_or(""), body));
  }

  // What touches the fence is told apart from what merely broke: it is a violation, and is said so.
  std::unexpected<Error> mismatch(std::string_view rule, std::string_view what) const {
    return fail(Error{.code = ErrorCode::fence_refused,
                      .origin = Origin::peer,
                      .message = fmt::format("{} {}.", request_.region, what),
                      .mend = {},
                      .why = std::string(rule)});
  }

  std::unexpected<Error> interrupted(std::string why) const {
    return fail(
        Error{.code = ErrorCode::peer_unavailable,
              .origin = Origin::peer,
              .retry = Retry::other_region,
              .message = fmt::format("The answer from {} was interrupted.", request_.region),
              .mend = {},
              .why = "interrupted: " + std::move(why)});
  }

  // The channel's own errors: whatever broke, broke between two Regions.
  std::unexpected<Error> broken(Error error) const {
    if (error.code == ErrorCode::cancelled) return fail(std::move(error));
    const std::string& reason = error.why.empty() ? error.message : error.why;
    return interrupted(fmt::format("{}: {}", name_of(error.code), reason));
  }

  http::Exchange& exchange_;
  const std::shared_ptr<http::Channel> channel_;
  const PassageRequest request_;
  Loop& loop_;
  std::unique_ptr<http::ClientExchange> answer_;
  AnswerReader reader_;
  std::string begun_;  // the answer's bytes that came with its headers
  Sha256Hasher hasher_;
  PassageResult& result_;
};

}  // namespace

Task<void> pass(http::Exchange& exchange, std::shared_ptr<http::Channel> channel,
                PassageRequest request, PassageResult& result, Loop& loop) {
  Passage passage(exchange, std::move(channel), std::move(request), result, loop);
  passage.end(co_await passage.carry());
}

}  // namespace tidegate::peer
