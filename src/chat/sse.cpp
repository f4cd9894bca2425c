#include "chat/sse.hpp"

#include "base/limits.hpp"

namespace tidegate::chat {

std::unexpected<Error> broken_stream(std::string why, int upstream_status) {
  return fail(Error{.code = ErrorCode::model_stream_error,
                    .origin = Origin::backend,
                    .message = "The model server failed while it streamed its answer.",
                    .mend = {},
                    .why = std::move(why),
                    .upstream_status = upstream_status});
}

Result<void> SseReader::keep(std::string_view bytes) {
  if (pending_.size() + data_.size() + bytes.size() > limits::sse_event_bytes_max) {
    return broken_stream("an event is longer than the limit");
  }
  pending_ += bytes;
  return {};
}

Result<void> SseReader::on_field(std::string_view line) {
  const auto colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  if (field != "data" && field != "error") return {};  // comments, event, id, retry
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (data_.size() + value.size() > limits::sse_event_bytes_max) {
    return broken_stream("an event is longer than the limit");
  }
  if (lines_++ > 0) data_ += '\n';
  data_ += value;
  return {};
}

}  // namespace tidegate::chat
