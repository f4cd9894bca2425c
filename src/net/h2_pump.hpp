// Moves the bytes of one HTTP/2 session over one stream: a reader, a writer that sends all frames
// of a loop turn in one write, and a slow tick that finds what is stuck. The server's connection
// and the client's channel are built on it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/loop.hpp"
#include "http/h2_session.hpp"
#include "net/stream.hpp"

namespace tidegate::net {

class H2Pump {
 public:
  struct Timing {
    Duration tick;        // how often time-outs are looked at
    Duration write_idle;  // a stream, or the connection, whose bytes nobody takes for so long is
                          // given up
  };
  H2Pump(const H2Pump&) = delete;
  H2Pump& operator=(const H2Pump&) = delete;

 protected:
  H2Pump(Loop& loop, std::unique_ptr<Stream> stream, http::H2Role role, http::H2Profile profile,
         Timing timing);
  virtual ~H2Pump() = default;

  // Until the connection has ended; every stream has been reported closed by then. Call it once.
  Task<void> run(std::string already_read);
  // Lets what is ready leave, together with whatever becomes ready in this turn of the loop.
  void flush() { write_wake_.set(); }
  // The connection ends now, without a farewell.
  void hang_up() { stream_->close(); }

  // A stream has news. Called on the loop's thread, never from inside the session.
  virtual void on_stream(http::H2Stream& stream) = 0;
  // Bytes have come and on_stream() has been called for them.
  virtual void on_received() = 0;
  virtual void on_tick(MonoTime now) = 0;

  Loop& loop_;
  std::unique_ptr<Stream> stream_;
  http::H2Session session_;
  MonoTime last_read_;

 private:
  Task<void> write_loop();
  bool feed(std::string_view bytes);
  void report();
  void schedule_tick();
  void tick();

  Timing timing_;
  Event write_wake_, writer_done_;
  std::optional<MonoTime> writing_since_;
  TimerId timer_ = 0;
  bool read_ended_ = false;
};

}  // namespace tidegate::net
