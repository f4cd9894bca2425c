// HTTP/2 frames of another gateway or a model server, while requests wait for their answers.
#include <set>

#include "fuzz.hpp"
#include "http/h2_session.hpp"

namespace http = tidegate::http;

FUZZ_TARGET(data, size) {
  const tidegate::fuzz::Input input(data, size);
  const tidegate::MonoTime now(std::chrono::hours(1));
  http::H2Session client(http::H2Role::client, http::H2Profile::peer_link);
  http::RequestHead head;
  head.method = "POST";
  head.target = "/";
  head.authority = "a";
  std::set<http::H2Stream*> open;
  for (int i = 0; i < 3; ++i) {
    const auto stream = client.request(head, "http", "question");
    CHECK(stream.has_value());
    open.insert(*stream);
  }
  std::string out;
  client.output(out, 1 << 20);
  bool valid = true;
  for (const std::string_view piece : {input.first(), input.second()}) {
    valid = valid && client.receive(piece, now).has_value();
    while (http::H2Stream* stream = client.next_changed()) {
      client.take_body(*stream);
      if (stream->closed) {
        open.erase(stream);
        client.release(*stream);
      }
    }
    out.clear();
    client.output(out, 1 << 20);
  }
  client.abandon();
  for (http::H2Stream* stream : open) {
    CHECK(stream->closed);
    client.release(*stream);
  }
  CHECK(client.stream_count() == 0);
  return 0;
}
