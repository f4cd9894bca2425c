#include "http/h2_incoming_frames.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "base/limits.hpp"

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
      if (from_client_) open(stream_number());
      return false;
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

// Numbers only grow. What is above the last may pass some over, and those are closed then.
void H2IncomingFrames::open(std::uint32_t stream) {
  if (stream % 2 == 0) return;  // nghttp2's to refuse
  if (stream <= last_opened_) {
    broken_ = std::ranges::any_of(
        gaps_, [&](const auto& gap) { return stream >= gap.first && stream <= gap.second; });
    return;
  }
  const std::uint32_t next = last_opened_ == 0 ? 1 : last_opened_ + 2;
  last_opened_ = stream;
  if (stream == next) return;
  if (gaps_.size() >= limits::h2_gaps_max) gaps_.pop_front();
  gaps_.emplace_back(next, stream - 2);
}

}  // namespace tidegate::http
