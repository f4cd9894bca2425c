// The heads of the frames that come, looked at before nghttp2 does: it skips several kinds without
// telling (withdrawn priorities, types that nobody knows, whatever is for a stream that has ended),
// and a flood of those must count too.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tidegate::http {

class H2IncomingFrames {
 public:
  // A client begins with this many bytes that are no frame.
  explicit H2IncomingFrames(std::size_t preface_bytes) : skip_(preface_bytes) {}

  // How many of `bytes` can be read on; fewer than there are once broken(). Adds to `noise` the
  // frames among them that carry nothing.
  std::size_t look_at(std::string_view bytes, std::uint32_t& noise);
  // A rule of the connection that nghttp2 does not see: PRIORITY of stream 0.
  bool broken() const { return broken_; }
  // A frame of a body has left: the other side opens the stream's window and the connection's.
  void allow_window_updates() { window_updates_left_ += 2; }

 private:
  static constexpr std::size_t head_bytes = 9;
  bool is_noise();

  std::array<unsigned char, head_bytes> head_{};
  std::size_t head_size_ = 0;  // of it, here so far
  std::size_t skip_;           // bytes until the next head
  std::uint64_t window_updates_left_ = 0;
  bool broken_ = false;
};

}  // namespace tidegate::http
