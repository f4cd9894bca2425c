// The event stream: messages are the same in one piece and in two, are passed on as they came, and
// survive being written again.
#include "aws/event_stream.hpp"
#include "fuzz.hpp"

namespace aws = tidegate::aws;

namespace {

struct Decoded {
  std::vector<std::string> messages;  // encoded again
  bool failed = false;
};

Decoded decoded(std::initializer_list<std::string_view> pieces) {
  aws::EventStreamDecoder decoder;
  Decoded out;
  for (const std::string_view piece : pieces) {
    decoder.feed(piece);
    while (!out.failed) {
      const auto message = decoder.next();
      out.failed = !message;
      if (!message || !*message) break;
      out.messages.push_back(aws::encode_message(**message));
    }
  }
  return out;
}

}  // namespace

FUZZ_TARGET(data, size) {
  const tidegate::fuzz::Input input(data, size);
  const Decoded whole = decoded({input.bytes});
  const Decoded in_two = decoded({input.first(), input.second()});
  CHECK(whole.messages == in_two.messages && whole.failed == in_two.failed);

  std::string all;
  for (const std::string& message : whole.messages) all += message;
  const Decoded again = decoded({all});
  CHECK(!again.failed && again.messages == whole.messages);

  aws::EventStreamDecoder proxy;
  proxy.feed(input.bytes);
  const auto raw = proxy.next_raw();
  if (raw && *raw) CHECK(input.bytes.starts_with(**raw));

  std::string event;
  aws::append_event(event, "contentBlockDelta", input.bytes);
  CHECK(decoded({event}).messages.size() == 1);
  return 0;
}
