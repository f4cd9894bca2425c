// HTTP/1.1 requests: a head means the same however it arrives, and written out again it is the same
// head.
#include "fuzz.hpp"
#include "http/h1_codec.hpp"

namespace h1 = tidegate::http::h1;

namespace {

std::string written(const h1::Request& request) {
  std::string out = request.head.method + " " + request.head.target;
  out +=
      request.head.version == tidegate::http::Version::http1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  for (const auto& header : request.head.headers) {
    out.append(header.name).append(":").append(header.value).append("\r\n");
  }
  return out + "\r\n";
}

}  // namespace

FUZZ_TARGET(data, size) {
  const tidegate::fuzz::Input input(data, size);
  h1::HeadScanner whole, in_two;
  const auto found = whole.scan(input.bytes);
  auto found_in_two = in_two.scan(input.first());
  if (found_in_two && !*found_in_two) found_in_two = in_two.scan(input.bytes);
  CHECK(found.has_value() == found_in_two.has_value());
  if (!found || !*found) return 0;
  CHECK(*found == *found_in_two && **found <= input.bytes.size());

  const auto request = h1::parse_request(input.bytes.substr(0, **found));
  if (!request) return 0;
  const std::string again = written(*request);
  const auto parsed = h1::parse_request(again);
  CHECK(parsed && written(*parsed) == again);
  CHECK(parsed->body.kind == request->body.kind && parsed->body.length == request->body.length);
  CHECK(parsed->keep_alive == request->keep_alive);
  return 0;
}
