// The heads of the frames that come, looked at before nghttp2 does: it skips several kinds without
// telling (withdrawn priorities, types that nobody knows, whatever is for a stream that has ended),
// and a flood of those must count too.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>

namespace tidegate::http {

class H2IncomingFrames {
 public:
  // A client begins with this many bytes that are no frame.
  explicit H2IncomingFrames(std::size_t preface_bytes)
      : skip_(preface_bytes), from_client_(preface_bytes > 0) {}

  // How many of `bytes` can be read on; fewer than there are once broken(). Adds to `noise` the
  // frames among them that carry nothing.
  std::size_t look_at(std::string_view bytes, std::uint32_t& noise);
  // A rule of the connection that nghttp2 does not see: PRIORITY of stream 0, and a new stream
  // whose number is below one that was opened before (RFC 9113, section 5.1.1).
  bool broken() const { return broken_; }
  // A frame of a body has left: the other side opens the stream's window and the connection's.
  void allow_window_updates() { window_updates_left_ += 2; }

 private:
  static constexpr std::size_t head_bytes = 9;
  bool is_noise();
  void open(std::uint32_t stream);
  std::uint32_t stream_number() const {
    return (std::uint32_t{head_[5]} << 24 | std::uint32_t{head_[6]} << 16 |
            std::uint32_t{head_[7]} << 8 | head_[8]) &
           0x7fff'ffff;
  }

  std::array<unsigned char, head_bytes> head_{};
  std::size_t head_size_ = 0;  // of it, here so far
  std::size_t skip_;           // bytes until the next head
  std::uint64_t window_updates_left_ = 0;
  bool broken_ = false;
  bool from_client_;
  std::uint32_t last_opened_ = 0;
  // Numbers below that were never used, first and last of each run; if a client leaves very many,
  // the oldest are forgotten, and nghttp2 ignores what comes for those.
  std::deque<std::pair<std::uint32_t, std::uint32_t>> gaps_;
};

}  // namespace tidegate::http
