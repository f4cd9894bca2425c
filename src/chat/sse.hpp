// text/event-stream: bytes in, events out, as they arrive.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace tidegate::chat {

// What a model server's stream is refused with. Errors: model_stream_error, of origin backend.
std::unexpected<Error> broken_stream(std::string why, int upstream_status = 0);

class SseReader {
 public:
  // Calls on_event(data) -> Result<void> for every event; the views are good for the call.
  // llama.cpp says "error: {..}" where others put the error into data, so both are read as data.
  // Errors: an event longer than the limit, and those of on_event.
  template <class OnEvent>
  Result<void> feed(std::string_view bytes, OnEvent&& on_event) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      if (end == std::string_view::npos) return keep(bytes);
      const std::string_view line = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      if (pending_.empty()) {
        TRY_VOID(on_line(line, on_event));
        continue;
      }
      pending_ += line;
      const std::string whole = std::exchange(pending_, {});
      TRY_VOID(on_line(whole, on_event));
    }
    return {};
  }
  // At the end of the body: takes a last line and a last event that were not ended.
  template <class OnEvent>
  Result<void> finish(OnEvent&& on_event) {
    if (!pending_.empty()) {
      const std::string last = std::exchange(pending_, {});
      TRY_VOID(on_line(last, on_event));
    }
    return on_line({}, on_event);
  }

 private:
  template <class OnEvent>
  Result<void> on_line(std::string_view line, OnEvent& on_event) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) return on_field(line);
    if (std::exchange(lines_, 0) == 0) return {};
    const auto taken = on_event(std::string_view(data_));
    data_.clear();
    return taken;
  }
  Result<void> keep(std::string_view bytes);
  Result<void> on_field(std::string_view line);

  std::string pending_;    // a line that has not ended yet
  std::string data_;       // the data lines of the event so far
  std::size_t lines_ = 0;  // how many
};

}  // namespace tidegate::chat
