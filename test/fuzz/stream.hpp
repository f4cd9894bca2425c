// A model server's streamed answer: the same deltas in one piece and in two, and every format can
// tell them. Internal to the stream_*.cpp targets.
#pragma once

#include "body.hpp"
#include "chat/stream_reader.hpp"

namespace tidegate::fuzz {

struct Told {
  bool valid = true;
  std::string error_event, converse;
};

template <class Reader>
Told told(std::initializer_list<std::string_view> pieces) {
  Reader reader;
  std::vector<chat::Delta> deltas;
  Told out;
  for (const std::string_view piece : pieces) {
    out.valid = out.valid && reader.feed(piece, deltas).has_value();
  }
  out.valid = out.valid && reader.finish(deltas).has_value();
  out.error_event = reader.error_event();
  chat::ConverseStreamWriter writer;
  bool stopped = false;
  for (const chat::Delta& delta : deltas) {
    writer.write(out.converse, delta);
    stopped |= std::holds_alternative<chat::Stop>(delta);
  }
  if (stopped) writer.finish(out.converse, {});
  return out;
}

template <class Reader>
int stream(const Input& input) {
  const Told whole = told<Reader>({input.bytes});
  const Told in_two = told<Reader>({input.first(), input.second()});
  CHECK(whole.valid == in_two.valid && whole.error_event == in_two.error_event);
  CHECK(whole.converse == in_two.converse);
  aws::EventStreamDecoder decoder;
  decoder.feed(whole.converse);
  for (;;) {
    const auto message = decoder.next();
    CHECK(message.has_value());
    if (!*message) break;
    CHECK(is_json((*message)->payload));
  }
  CHECK(decoder.empty());
  return 0;
}

}  // namespace tidegate::fuzz
