#include "http/h2_session.hpp"

#include <algorithm>
#include <array>
#include <new>

#include "base/byte_blocks.hpp"
#include "base/limits.hpp"
#include "http/field_text.hpp"
#include "http/h2_callbacks.hpp"

namespace tidegate::http {

namespace {

constexpr std::uint8_t no_flags = NGHTTP2_FLAG_NONE;

// Values that never repeat would only push the useful ones out of the HPACK table, and the secret
// ones must not be in it.
constexpr std::array<std::string_view, 8> unique_headers = {
    "authorization",    "content-length",       "traceparent",     "x-amz-date",
    "x-amzn-requestid", "x-amz-content-sha256", "x-amzn-trace-id", "amz-sdk-invocation-id"};

constexpr std::array<std::string_view, 6> connection_headers = {
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"};

struct Tuning {
  std::size_t streams_max, stream_window, connection_window, header_table_bytes;
  std::uint32_t noise_burst, noise_per_second;
};

Tuning tuning_of(H2Profile profile) {
  using namespace limits;
  if (profile == H2Profile::peer_link) {
    return {link_streams_max,        link_stream_window, link_connection_window,
            link_header_table_bytes, link_noise_burst,   link_noise_per_second};
  }
  return {h2_streams_max,        h2_stream_window, h2_connection_window,
          h2_header_table_bytes, h2_noise_burst,   h2_noise_per_second};
}

Error protocol_error(std::string why) {
  return {.code = ErrorCode::malformed_http,
          .origin = Origin::client,
          .message = "The connection did not speak valid HTTP/2.",
          .mend = {},
          .why = std::move(why)};
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

struct Options {
  Options() {
    if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  }
  ~Options() { nghttp2_option_del(option); }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  nghttp2_option* option = nullptr;
};

struct CallbackTable {
  CallbackTable() {
    if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
    H2Callbacks::install(callbacks);
  }
  ~CallbackTable() { nghttp2_session_callbacks_del(callbacks); }
  CallbackTable(const CallbackTable&) = delete;
  CallbackTable& operator=(const CallbackTable&) = delete;
  nghttp2_session_callbacks* callbacks = nullptr;
};

}  // namespace

H2Session::H2Session(H2Role role, H2Profile profile)
    : role_(role), incoming_(role == H2Role::server ? NGHTTP2_CLIENT_MAGIC_LEN : 0) {
  const Tuning tuning = tuning_of(profile);
  noise_burst_ = tuning.noise_burst;
  noise_per_second_ = tuning.noise_per_second;

  const CallbackTable table;
  const Options options;
  nghttp2_option_set_no_auto_window_update(options.option, 1);  // the window opens as handlers read
  nghttp2_option_set_no_closed_streams(options.option, 1);
  nghttp2_option_set_max_deflate_dynamic_table_size(options.option, tuning.header_table_bytes);
  // Ours comes first, with the code that says why.
  nghttp2_option_set_stream_reset_rate_limit(options.option, 2 * tuning.noise_burst,
                                             2 * tuning.noise_per_second);
  const auto make =
      role == H2Role::server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  if (make(&session_, table.callbacks, this, options.option) != 0) throw std::bad_alloc();

  // Priorities of RFC 7540 are a tree that strangers may shape; RFC 9113 has withdrawn them.
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(tuning.stream_window)},
      {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, static_cast<std::uint32_t>(tuning.header_table_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits::header_bytes_max)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}};
  if (role == H2Role::server) {
    settings.push_back(
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<std::uint32_t>(tuning.streams_max)});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(session_, no_flags, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, no_flags, 0,
                                        static_cast<std::int32_t>(tuning.connection_window));
}

H2Session::~H2Session() {
  nghttp2_session_del(session_);
}

Result<void> H2Session::receive(std::string_view bytes, MonoTime now) {
  if (abandoned_) return {};
  if (noise_at_ != MonoTime{})
    noise_ = std::max(0.0, noise_ - seconds(now - noise_at_) * noise_per_second_);
  noise_at_ = now;
  std::uint32_t noise = 0;
  bytes = bytes.substr(0, incoming_.look_at(bytes, noise));
  for (; noise > 0; --noise) add_noise();
  const auto taken = nghttp2_session_mem_recv(session_, bytes_of(bytes), bytes.size());
  if (incoming_.broken()) nghttp2_session_terminate_session(session_, NGHTTP2_PROTOCOL_ERROR);
  if (flooded_) {
    nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
    return fail(protocol_error("too many frames that carry nothing"));
  }
  if (taken < 0) {
    nghttp2_session_terminate_session(session_, taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC
                                                    ? NGHTTP2_PROTOCOL_ERROR
                                                    : NGHTTP2_ENHANCE_YOUR_CALM);
    return fail(protocol_error(nghttp2_strerror(static_cast<int>(taken))));
  }
  return {};
}

void H2Session::output(std::string& into, std::size_t bytes_max) {
  if (abandoned_) return;
  output_ = &into;
  output_bytes_max_ = bytes_max;
  const int error = nghttp2_session_send(session_);
  output_ = nullptr;
  // Only memory or a bug: without a way to go on, end what is open.
  if (error != 0) abandon();
}

bool H2Session::wants_output() const {
  return !abandoned_ && nghttp2_session_want_write(session_) != 0;
}

bool H2Session::finished() const {
  return abandoned_ ||
         (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0);
}

void H2Session::abandon() {
  if (std::exchange(abandoned_, true)) return;
  std::vector<H2Stream*> orphans;
  for (auto& [id, stream] : streams_) {
    if (!stream.closed) {
      stream.closed = true;
      stream.close_code = H2Code::cancel;
    }
    const bool never_shown = role_ == H2Role::server && !stream.head_complete;
    if (stream.released || never_shown) {
      orphans.push_back(&stream);
    } else {
      touch(stream);
    }
  }
  for (H2Stream* orphan : orphans) forget(*orphan);
}

H2Stream* H2Session::next_changed() {
  if (changed_.empty()) return nullptr;
  H2Stream* stream = changed_.front();
  changed_.pop_front();
  stream->queued = false;
  return stream;
}

Result<H2Stream*> H2Session::request(const RequestHead& head, std::string_view scheme,
                                     std::string_view body, std::string front) {
  Fields fields;
  fields.add_pseudo(":method", head.method);
  fields.add_pseudo(":scheme", scheme);
  fields.add_pseudo(":authority", head.authority);
  fields.add_pseudo(":path", head.target);
  if (!fields.add(head.headers)) {
    return fail(ErrorCode::malformed_http, "A header of the request cannot be sent over HTTP/2.");
  }
  const std::int32_t next = nghttp2_session_get_next_stream_id(session_);
  H2Stream& stream = streams_[next];
  stream.response.status = 0;
  stream.out = std::move(front);
  stream.borrowed = body;
  stream.out_ended = true;
  const auto provider = H2Callbacks::body_of(stream);
  const std::int32_t id =
      abandoned_ || goaway_received_
          ? NGHTTP2_ERR_START_STREAM_NOT_ALLOWED
          : nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                   stream.pending() == 0 ? nullptr : &provider, &stream);
  if (id < 0) {
    streams_.erase(next);
    return fail({.code = ErrorCode::peer_unavailable,
                 .origin = Origin::peer,
                 .retry = Retry::same_region,
                 .message = "The other side takes no more requests on this connection.",
                 .mend = {},
                 .why = nghttp2_strerror(id)});
  }
  stream.id = id;
  return &stream;
}

void H2Session::adopt_body(H2Stream& stream) {
  if (stream.borrowed.empty()) return;
  stream.out.append(stream.borrowed);
  stream.borrowed = {};
}

Result<void> H2Session::respond(H2Stream& stream, const ResponseHead& head, H2End end) {
  if (abandoned_ || stream.closed) return {};
  const std::string status = std::to_string(head.status);
  Fields fields;
  fields.add_pseudo(":status", status);
  if (!fields.add(head.headers)) {
    return fail(ErrorCode::internal, "A header of the answer cannot be sent over HTTP/2.");
  }
  if (end == H2End::here) stream.out_ended = true;
  const auto provider = H2Callbacks::body_of(stream);
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(),
                          end == H2End::here ? nullptr : &provider);
  // Streams share the connection in turns, a frame each, instead of the first one taking it all
  // (RFC 9218, section 5).
  const nghttp2_extpri turns{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(session_, stream.id, &turns, 1);
  return {};
}

void H2Session::write(H2Stream& stream, std::string bytes) {
  if (abandoned_ || stream.closed || stream.resetting || stream.out_ended || bytes.empty()) return;
  if (stream.out.empty()) {
    stream.out = std::move(bytes);
  } else {
    if (stream.out_sent >
        limits::write_low_bytes) {  // a stream that never drains would keep all it ever sent
      stream.out.erase(0, stream.out_sent);
      stream.out_sent = 0;
    }
    stream.out.append(bytes);
  }
  if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_, stream.id);
}

void H2Session::finish(H2Stream& stream, std::string last) {
  if (abandoned_ || stream.closed || stream.out_ended) return;
  write(stream, std::move(last));
  stream.out_ended = true;
  if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_, stream.id);
}

std::string H2Session::take_body(H2Stream& stream) {
  std::string body = std::exchange(stream.body, {});
  // The stream may be closed by now; its share of the connection's window is returned all the same.
  if (!abandoned_ && !body.empty()) nghttp2_session_consume(session_, stream.id, body.size());
  return body;
}

void H2Session::reset(H2Stream& stream, H2Code code) {
  if (abandoned_ || stream.closed || std::exchange(stream.resetting, true)) return;
  nghttp2_submit_rst_stream(session_, no_flags, stream.id, static_cast<std::uint32_t>(code));
  stream.borrowed = {};
  stream.out.clear();
  stream.out_sent = 0;
}

void H2Session::release(H2Stream& stream) {
  take_body(stream);
  stream.owner = nullptr;
  if (stream.closed) return forget(stream);
  stream.released = true;
  const bool may_finish = role_ == H2Role::server && stream.out_ended;
  if (!may_finish) reset(stream, H2Code::cancel);
}

void H2Session::reset_stalled(MonoTime now, Duration patience) {
  if (abandoned_) return;
  for (auto& [id, stream] : streams_) {
    if (stream.closed) continue;
    if (stream.pending() == 0 || stream.sent_bytes != stream.seen_bytes ||
        stream.stalled_since == MonoTime{}) {
      stream.seen_bytes = stream.sent_bytes;
      stream.stalled_since = now;
    } else if (now - stream.stalled_since >= patience) {
      reset(stream, H2Code::cancel);
    }
  }
}

void H2Session::announce_shutdown() {
  if (!abandoned_) nghttp2_submit_shutdown_notice(session_);
}

void H2Session::shutdown() {
  if (abandoned_) return;
  // A request that comes before the GOAWAY has left must not start either: the client will take it
  // for refused.
  last_accepted_ = nghttp2_session_get_last_proc_stream_id(session_);
  nghttp2_submit_goaway(session_, no_flags, last_accepted_, NGHTTP2_NO_ERROR, nullptr, 0);
}

void H2Session::ping(std::uint64_t payload) {
  if (abandoned_) return;
  nghttp2_submit_ping(session_, no_flags, reinterpret_cast<const std::uint8_t*>(&payload));
}

std::size_t H2Session::peer_streams_max() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void H2Session::touch(H2Stream& stream) {
  if (stream.queued || stream.released || (role_ == H2Role::server && !stream.head_complete))
    return;
  stream.queued = true;
  changed_.push_back(&stream);
}

void H2Session::forget(H2Stream& stream) {
  if (stream.queued) std::erase(changed_, &stream);
  streams_.erase(stream.id);
}

bool H2Session::Fields::add(const Headers& headers) {
  for (const Header& header : headers) {
    const bool lower_case = has_none(header.name, [](auto v) { return (v >= 'A') & (v <= 'Z'); });
    const std::string_view name =
        lower_case ? header.name
                   : std::string_view(lowered_.emplace_back(to_lower_ascii(header.name)));
    if (std::ranges::find(connection_headers, name) != connection_headers.end()) continue;
    if (name.starts_with(':') || nghttp2_check_header_name(bytes_of(name), name.size()) == 0 ||
        !is_field_value(header.value)) {
      return false;
    }
    push(name, header.value);
  }
  return true;
}

void H2Session::Fields::push(std::string_view name, std::string_view value) {
  const std::uint8_t flags = std::ranges::find(unique_headers, name) != unique_headers.end()
                                 ? NGHTTP2_NV_FLAG_NO_INDEX
                                 : NGHTTP2_NV_FLAG_NONE;
  fields_.push_back({const_cast<std::uint8_t*>(bytes_of(name)),
                     const_cast<std::uint8_t*>(bytes_of(value)), name.size(), value.size(), flags});
}

}  // namespace tidegate::http
