// HTTP/2 frames of a client: the same requests are seen however the bytes arrive, every stream is
// answered, and a session holds no more than it says.
#include <map>

#include "base/limits.hpp"
#include "fuzz.hpp"
#include "http/h2_session.hpp"

namespace http = tidegate::http;

namespace {

constexpr std::string_view preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

std::string told(const http::H2Stream& stream, const std::string& body) {
  std::string out =
      stream.request.method + " " + stream.request.target + " " + stream.request.authority;
  for (const auto& header : stream.request.headers) {
    out.append("\n").append(header.name).append(":").append(header.value);
  }
  if (stream.head_error) out += "\n! " + stream.head_error->message;
  return out + "\n\n" + body;
}

// What a server made of the bytes, stream by stream; nothing is answered before the last byte is
// in, so that the answers cannot differ for when they were given.
std::map<std::int32_t, std::string> served(std::initializer_list<std::string_view> pieces) {
  http::H2Session server(http::H2Role::server, http::H2Profile::client_facing);
  std::map<std::int32_t, std::string> bodies, out;
  std::map<std::int32_t, http::H2Stream*> open;
  bool valid = server.receive(preface, tidegate::MonoTime(std::chrono::hours(1))).has_value();
  CHECK(valid);
  for (const std::string_view piece : pieces) {
    valid = valid && server.receive(piece, tidegate::MonoTime(std::chrono::hours(1))).has_value();
    while (http::H2Stream* stream = server.next_changed()) open[stream->id] = stream;
  }
  for (auto& [id, stream] : open) {
    bodies[id] = server.take_body(*stream);
    // How much of a body came before a fault of its stream depends on the pieces, and nobody acts
    // on half of one.
    out[id] = told(*stream, stream->ended ? bodies[id] : "");
    if (!stream->closed && server.respond(*stream, {200, {{"x-a", "b"}}}, http::H2End::open)) {
      server.finish(*stream, "answer");
    }
    server.release(*stream);
  }
  CHECK(open.size() <= tidegate::limits::h2_streams_max * 4 + 1'000);
  std::string answers;
  server.output(answers, 1 << 20);
  server.abandon();
  while (server.next_changed()) {
  }
  return out;
}

}  // namespace

FUZZ_TARGET(data, size) {
  const tidegate::fuzz::Input input(data, size);
  const auto whole = served({input.bytes});
  const auto in_two = served({input.first(), input.second()});
  CHECK(whole == in_two);
  return 0;
}
