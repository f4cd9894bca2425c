// Bodies in chunks: decoded alike in one piece and in two, and what an encoder frames is decoded to
// what it was.
#include "fuzz.hpp"
#include "http/h1_codec.hpp"

namespace h1 = tidegate::http::h1;

namespace {

constexpr h1::BodyFraming chunked{h1::BodyFraming::Kind::chunked};

struct Decoded {
  bool valid;
  bool done;
  std::string body, rest;
};

Decoded decoded(std::initializer_list<std::string_view> pieces) {
  h1::BodyDecoder decoder(chunked);
  Decoded out{true, false, {}, {}};
  for (std::string_view piece : pieces) {
    out.valid = out.valid && decoder.decode(piece, out.body).has_value();
    out.rest += piece;
  }
  out.done = decoder.done();
  return out;
}

void framed_and_back(std::string_view body) {
  h1::ResponseEncoder encoder;
  encoder.begin({200, {}}, "", h1::After::keep);
  std::string wire;
  const auto half = body.size() / 2;
  for (const std::string_view piece : {body.substr(0, half), body.substr(half)}) {
    const auto pieces = encoder.write(std::string(piece));
    CHECK(pieces.has_value());
    wire += pieces->front + pieces->back;
  }
  const auto last = encoder.finish({});
  CHECK(last.has_value());
  wire += last->front + last->back;
  h1::HeadScanner scanner;
  const auto head = scanner.scan(wire);
  CHECK(head && *head);
  const auto response = h1::parse_response(std::string_view(wire).substr(0, **head), "GET");
  CHECK(response.has_value());
  h1::BodyDecoder decoder(response->body);
  std::string_view rest = std::string_view(wire).substr(**head);
  std::string out;
  CHECK(decoder.decode(rest, out) && decoder.done() && rest.empty() && out == body);
}

}  // namespace

FUZZ_TARGET(data, size) {
  const tidegate::fuzz::Input input(data, size);
  const Decoded whole = decoded({input.bytes});
  const Decoded in_two = decoded({input.first(), input.second()});
  CHECK(whole.valid == in_two.valid);
  if (whole.valid)
    CHECK(whole.body == in_two.body && whole.rest == in_two.rest && whole.done == in_two.done);
  framed_and_back(input.bytes);
  return 0;
}
