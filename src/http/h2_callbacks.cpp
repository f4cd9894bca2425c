// The receiving and sending halves of H2Session, as nghttp2 sees them.
#include "http/h2_callbacks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"

namespace tidegate::http {

namespace {

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

H2Stream* stream_of(nghttp2_session* session, std::int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

// Runs `work`; what it throws must not travel through C.
template <class Work>
auto guarded(Work work) noexcept -> decltype(work()) {
  try {
    return work();
  } catch (...) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
}

bool is_head(const H2Stream& stream) {
  return !stream.head_complete;
}

// The first one brings room for what such a frame usually holds: what the table of the connection
// knows takes a byte here.
void add(Headers& headers, const nghttp2_frame_hd& frame, std::string_view name,
         std::string_view value) {
  if (headers.empty()) headers.reserve(std::min<std::size_t>(frame.length, 2048) + 128, 8);
  headers.add(name, value);
}

void add_field(H2Role role, H2Stream& stream, const nghttp2_frame_hd& frame, std::string_view name,
               std::string_view value) {
  stream.header_bytes += name.size() + value.size() + 32;  // RFC 9113, section 6.5.2
  stream.header_count += name.starts_with(':') ? 0 : 1;
  if (stream.head_error) return;
  if (stream.header_bytes > limits::header_bytes_max) {
    stream.head_error =
        head_too_large(fmt::format("it has more than {} bytes", limits::header_bytes_max));
  } else if (stream.header_count > limits::header_count_max) {
    stream.head_error =
        head_too_large(fmt::format("it has more than {} headers", limits::header_count_max));
  } else if (name == ":path" && value.size() > limits::target_bytes_max) {
    stream.head_error =
        head_too_large(fmt::format("the target has more than {} bytes", limits::target_bytes_max));
  }
  if (stream.head_error || !is_head(stream)) return;  // a trailer is bounded, too, and dropped
  if (role == H2Role::client) {
    if (name == ":status") {
      stream.response.status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
    } else {
      add(stream.response.headers, frame, name, value);
    }
  } else if (name == ":method") {
    stream.request.method = value;
  } else if (name == ":path") {
    stream.request.target = value;
  } else if (name == ":authority") {
    stream.request.authority = value;
  } else if (!name.starts_with(':')) {
    add(stream.request.headers, frame, name, value);
  }
}

// What nghttp2 leaves to us (RFC 9113, section 8.3.1); empty if nothing is wrong.
std::string_view fault_of(const RequestHead& head) {
  if (head.method == "CONNECT") return no_tunnels;
  if (const auto fault = fault_of_target(head.target); !fault.empty()) return fault;
  if (head.authority.empty()) return "it has no host";
  const auto host = head.headers.get("host");
  if (host && !iequals_ascii(*host, head.authority)) return "it has more than one host";
  return fault_of_authority(head.authority);
}

void check_request(H2Stream& stream) {
  RequestHead& head = stream.request;
  head.version = Version::http2;
  if (stream.head_error) return;
  const auto host = head.headers.get("host");
  if (head.authority.empty() && host) head.authority = *host;
  if (const auto fault = fault_of(head); !fault.empty())
    stream.head_error = malformed_message(fault);
}

}  // namespace

void H2Callbacks::install(nghttp2_session_callbacks* callbacks) {
  install_for_heads(callbacks);
  install_for_frames(callbacks);
  install_for_sending(callbacks);
}

void H2Callbacks::install_for_heads(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void* user) -> int {
        return guarded([&]() -> int {
          auto& self = *static_cast<H2Session*>(user);
          self.headers_open_ = true;
          if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
            if (auto* stream = stream_of(session, frame->hd.stream_id)) {
              stream->header_bytes = stream->header_count = 0;
            }
            return 0;
          }
          if (frame->hd.stream_id > self.last_accepted_)
            return 0;  // after our GOAWAY: refused by it
          H2Stream& stream = self.streams_[frame->hd.stream_id];
          stream.id = frame->hd.stream_id;
          nghttp2_session_set_stream_user_data(session, stream.id, &stream);
          return 0;
        });
      });

  nghttp2_session_callbacks_set_on_header_callback(
      callbacks,
      [](nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
         std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
         void* user) -> int {
        return guarded([&]() -> int {
          if (auto* stream = stream_of(session, frame->hd.stream_id)) {
            add_field(static_cast<H2Session*>(user)->role_, *stream, frame->hd,
                      text(name, name_size), text(value, value_size));
          }
          return 0;
        });
      });

  // Without this callback nghttp2 drops bad fields in silence, and a signature over them would be a
  // riddle.
  nghttp2_session_callbacks_set_on_invalid_header_callback(
      callbacks,
      [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
         const std::uint8_t*, std::size_t, std::uint8_t, void* user) -> int {
        auto& self = *static_cast<H2Session*>(user);
        self.headers_open_ = false;
        self.add_noise();
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // RST_STREAM(PROTOCOL_ERROR)
      });
}

void H2Callbacks::install_for_frames(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void* user) -> int {
        return guarded([&]() -> int {
          on_frame(*static_cast<H2Session*>(user), stream_of(session, frame->hd.stream_id), *frame);
          return 0;
        });
      });

  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame*, int, void* user) -> int {
        auto& self = *static_cast<H2Session*>(user);
        self.headers_open_ = false;
        self.add_noise();
        return 0;
      });

  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks,
      [](nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data,
         std::size_t size, void* user) -> int {
        return guarded([&]() -> int {
          auto* stream = stream_of(session, id);
          if (!stream || stream->released || stream->head_error) {
            return nghttp2_session_consume(session, id,
                                           size);  // nobody will read it: keep the window open
          }
          stream->body.append(text(data, size));
          stream->body_bytes += size;
          static_cast<H2Session*>(user)->touch(*stream);
          return 0;
        });
      });

  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks,
      [](nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user) -> int {
        return guarded([&]() -> int {
          auto* stream = stream_of(session, id);
          if (!stream) return 0;
          auto& self = *static_cast<H2Session*>(user);
          nghttp2_session_set_stream_user_data(session, id, nullptr);
          stream->closed = true;
          stream->close_code = H2Code{code};
          const bool never_shown = self.role_ == H2Role::server && !stream->head_complete;
          if (stream->released || never_shown) {
            self.forget(*stream);
          } else {
            self.touch(*stream);
          }
          return 0;
        });
      });
}

void H2Callbacks::install_for_sending(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_frame_send_callback(
      callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void* user) -> int {
        return guarded([&]() -> int {
          on_sent(*static_cast<H2Session*>(user), session, *frame);
          return 0;
        });
      });

  nghttp2_session_callbacks_set_send_callback(
      callbacks,
      [](nghttp2_session*, const std::uint8_t* data, std::size_t size, int, void* user) -> ssize_t {
        return guarded([&]() -> ssize_t {
          auto& self = *static_cast<H2Session*>(user);
          if (self.output_->size() >= self.output_bytes_max_) return NGHTTP2_ERR_WOULDBLOCK;
          self.output_->append(text(data, size));
          return static_cast<ssize_t>(size);
        });
      });

  nghttp2_session_callbacks_set_send_data_callback(
      callbacks,
      [](nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_head, std::size_t size,
         nghttp2_data_source* source, void* user) -> int {
        return guarded([&]() -> int {
          return send_data(*static_cast<H2Session*>(user), *static_cast<H2Stream*>(source->ptr),
                           frame_head, size);
        });
      });
}

void H2Callbacks::on_frame(H2Session& session, H2Stream* stream, const nghttp2_frame& frame) {
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const bool ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      session.headers_open_ = false;
      if (!stream) return;
      if (session.role_ == H2Role::client && is_head(*stream) && stream->response.status < 200) {
        stream->response = {};  // an interim answer (1xx); the real one follows
        return;
      }
      if (is_head(*stream)) {
        if (session.role_ == H2Role::server) check_request(*stream);
        stream->head_complete = true;
      }
      break;
    case NGHTTP2_DATA:
      if (frame.data.padlen > 0 && frame.hd.length == frame.data.padlen && !end)
        session.add_noise();
      break;
    case NGHTTP2_PING:
      if (ack) {
        std::uint64_t payload = 0;
        std::copy_n(frame.ping.opaque_data, sizeof payload,
                    reinterpret_cast<std::uint8_t*>(&payload));
        session.pong_ = payload;
      }
      return;
    case NGHTTP2_SETTINGS:
      session.settings_received_ = true;
      return;
    case NGHTTP2_GOAWAY:
      session.goaway_received_ = true;
      return;
    default:
      return;
  }
  if (stream && end) stream->ended = true;
  if (stream) session.touch(*stream);
}

void H2Callbacks::on_sent(H2Session& self, nghttp2_session* session, const nghttp2_frame& frame) {
  auto* stream = stream_of(session, frame.hd.stream_id);
  if (!stream || (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA)) return;
  stream->head_sent = true;
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  stream->end_sent = true;
  // The answer is complete and the request is not: tell the client to stop sending (RFC 9113,
  // section 8.1).
  if (self.role_ == H2Role::server && !stream->ended) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
  }
}

nghttp2_data_provider H2Callbacks::body_of(H2Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t size_max,
                              std::uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
    return guarded([&]() -> ssize_t {
      auto& stream = *static_cast<H2Stream*>(source->ptr);
      if (stream.resetting) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // no false end
      const std::size_t pending = stream.pending();
      if (pending == 0 && !stream.out_ended) {
        stream.deferred = true;
        return NGHTTP2_ERR_DEFERRED;
      }
      const std::size_t size = std::min(size_max, pending);
      *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
      if (size == pending && stream.out_ended) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(size);
    });
  };
  return provider;
}

// The one copy of a body on its way out: from the stream's buffer into the connection's.
int H2Callbacks::send_data(H2Session& session, H2Stream& stream, const std::uint8_t* frame_head,
                           std::size_t size) {
  constexpr std::size_t frame_head_size = 9;
  if (stream.pending() < size) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // reset in between
  std::string& into = *session.output_;
  if (into.size() >= session.output_bytes_max_) return NGHTTP2_ERR_WOULDBLOCK;
  into.append(text(frame_head, frame_head_size));
  const std::size_t before = stream.pending();
  const std::size_t from_out = std::min(size, stream.out.size() - stream.out_sent);
  into.append(stream.out, stream.out_sent, from_out);
  stream.out_sent += from_out;
  into.append(stream.borrowed.substr(0, size - from_out));
  stream.borrowed.remove_prefix(size - from_out);
  stream.sent_bytes += size;
  session.incoming_.allow_window_updates();
  if (stream.out_sent == stream.out.size()) {
    stream.out.clear();
    stream.out_sent = 0;
  }
  const bool now_low =
      before > limits::write_low_bytes && stream.pending() <= limits::write_low_bytes;
  if (now_low) session.touch(stream);
  return 0;
}

}  // namespace tidegate::http
