// HTTP/1.1 answers of model servers: head and body mean the same however they arrive.
#include <optional>

#include "fuzz.hpp"
#include "http/h1_codec.hpp"

namespace h1 = tidegate::http::h1;

FUZZ_TARGET(data, size) {
  const tidegate::fuzz::Input input(data, size);
  h1::HeadScanner scanner;
  const auto found = scanner.scan(input.bytes);
  if (!found || !*found) return 0;
  const auto response = h1::parse_response(input.bytes.substr(0, **found), "POST");
  if (!response) return 0;
  CHECK(response->head.status >= 100 && response->head.status <= 999);
  std::string_view rest = input.bytes.substr(**found);
  h1::BodyDecoder decoder(response->body);
  std::string body;
  const std::size_t before = rest.size();
  if (!decoder.decode(rest, body)) return 0;
  CHECK(rest.size() <= before && body.size() <= before);
  CHECK(rest.empty() || decoder.done());
  return 0;
}
