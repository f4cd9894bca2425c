// What nghttp2 calls, for H2Session only. The callbacks change streams and take notes; they never
// call out, and no exception leaves them: one that is thrown (out of memory) ends the session as a
// callback failure.
#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/container/small_vector.hpp>
#include <list>

#include "http/h2_session.hpp"

namespace tidegate::http {

struct H2Callbacks {
  static void install(nghttp2_session_callbacks* callbacks);
  // A source of DATA frames that reads from `stream`.
  static nghttp2_data_provider body_of(H2Stream& stream);

 private:
  static void install_for_heads(nghttp2_session_callbacks* callbacks);
  static void install_for_frames(nghttp2_session_callbacks* callbacks);
  static void install_for_sending(nghttp2_session_callbacks* callbacks);
  static void on_frame(H2Session& session, H2Stream* stream, const nghttp2_frame& frame);
  static void on_sent(H2Session& self, nghttp2_session* session, const nghttp2_frame& frame);
  static int send_data(H2Session& session, H2Stream& stream, const std::uint8_t* frame_head,
                       std::size_t size);
};

// Appends the fields of a message in nghttp2's form; names in lower case, connection-specific ones
// left out.
class H2Session::Fields {
 public:
  // `name` and `value` must outlive this object.
  void add_pseudo(std::string_view name, std::string_view value) { push(name, value); }
  // False: HTTP/2 cannot carry it.
  bool add(const Headers& headers);
  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  void push(std::string_view name, std::string_view value);
  boost::container::small_vector<nghttp2_nv, 16> fields_;
  std::list<std::string> lowered_;  // they stay where they are
};

}  // namespace tidegate::http
