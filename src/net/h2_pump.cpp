#include "net/h2_pump.hpp"

#include "base/limits.hpp"

namespace tidegate::net {

H2Pump::H2Pump(Loop& loop, std::unique_ptr<Stream> stream, http::H2Role role,
               http::H2Profile profile, Timing timing)
    : loop_(loop),
      stream_(std::move(stream)),
      session_(role, profile),
      last_read_(loop.now()),
      timing_(timing),
      write_wake_(loop),
      writer_done_(loop) {}

Task<void> H2Pump::run(std::string already_read) {
  schedule_tick();
  spawn(write_loop());
  flush();  // our SETTINGS
  std::string buffer(limits::h2_read_buffer_start, '\0');
  bool valid = already_read.empty() || feed(already_read);
  std::string().swap(already_read);  // this task lives as long as the connection
  while (valid) {
    const auto got = co_await stream_->read(buffer);
    if (!got || *got == 0) {
      session_.abandon();
      stream_->close();  // a write that waits for a reader must not wait any longer
      break;
    }
    valid = feed({buffer.data(), *got});
    // A thousand idle streams should not hold a thousand large buffers; a body that arrives gets
    // one.
    if (*got == buffer.size() && buffer.size() < limits::read_buffer_bytes) {
      buffer.assign(limits::read_buffer_bytes, '\0');
    }
  }
  // If the other side broke the protocol, the writer still says so (GOAWAY) before it closes.
  read_ended_ = true;
  flush();
  co_await writer_done_.wait();
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  session_.abandon();
  report();
}

bool H2Pump::feed(std::string_view bytes) {
  last_read_ = loop_.now();
  const bool valid = session_.receive(bytes, last_read_).has_value();
  report();
  on_received();
  if (session_.wants_output() || session_.finished()) flush();
  return valid;
}

void H2Pump::report() {
  while (http::H2Stream* stream = session_.next_changed()) on_stream(*stream);
}

Task<void> H2Pump::write_loop() {
  std::string buffer;
  for (;;) {
    session_.output(buffer, limits::write_high_bytes);
    report();  // streams that ended with these frames, and writers that have room again
    if (buffer.empty()) {
      if (read_ended_ || session_.finished()) break;
      if (buffer.capacity() > limits::read_buffer_bytes) buffer = {};
      co_await write_wake_.wait();
      continue;
    }
    writing_since_ = loop_.now();
    const auto written = co_await stream_->write(buffer);
    writing_since_.reset();
    buffer.clear();
    if (!written) break;
  }
  stream_->close();
  writer_done_.set();
}

void H2Pump::schedule_tick() {
  timer_ = loop_.call_at(loop_.now() + timing_.tick, [this] { tick(); });
}

void H2Pump::tick() {
  const MonoTime now = loop_.now();
  schedule_tick();
  if (writing_since_ && now - *writing_since_ >= timing_.write_idle) hang_up();
  session_.reset_stalled(now, timing_.write_idle);
  on_tick(now);
  if (session_.wants_output() || session_.finished()) flush();
}

}  // namespace tidegate::net
