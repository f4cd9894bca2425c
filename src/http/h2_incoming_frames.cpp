#include "http/h2_incoming_frames.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace tidegate::http {

std::size_t H2IncomingFrames::look_at(std::string_view bytes, std::uint32_t& noise) {
  std::size_t at = 0;
  while (at < bytes.size() && !broken_) {
    if (skip_ > 0) {
      const std::size_t skipped = std::min(skip_, bytes.size() - at);
      skip_ -= skipped;
      at += skipped;
      continue;
    }
    head_[head_size_++] = static_cast<unsigned char>(bytes[at++]);
    if (head_size_ < head_bytes) continue;
    head_size_ = 0;
    skip_ = std::size_t{head_[0]} << 16 | std::size_t{head_[1]} << 8 | head_[2];
    noise += is_noise() ? 1 : 0;
  }
  return at;
}

bool H2IncomingFrames::is_noise() {
  const std::uint8_t flags = head_[4];
  const bool ack = (flags & NGHTTP2_FLAG_ACK) != 0;
  switch (head_[3]) {
    case NGHTTP2_DATA:
      return skip_ == 0 && (flags & NGHTTP2_FLAG_END_STREAM) == 0;
    case NGHTTP2_HEADERS:
    case NGHTTP2_PUSH_PROMISE:
    case NGHTTP2_CONTINUATION:  // nghttp2 counts them
      return false;
    case NGHTTP2_SETTINGS:
      return !ack;  // nghttp2 refuses one that answers nothing
    case NGHTTP2_WINDOW_UPDATE:
      if (window_updates_left_ == 0) return true;
      --window_updates_left_;
      return false;
    case NGHTTP2_PRIORITY:
      broken_ = std::all_of(head_.begin() + 5, head_.end(), [](auto byte) { return byte == 0; });
      return true;
    default:  // PING and its answers, RST_STREAM, GOAWAY, and what nobody knows
      return true;
  }
}

}  // namespace tidegate::http
