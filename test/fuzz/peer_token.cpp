// Routing tokens, answers and trailers of another gateway: as they come, and with their MAC made
// good, so that what lies behind it is read as well.
#include "fuzz.hpp"
#include "http/field_text.hpp"
#include "peer/seal.hpp"
#include "peer/token.hpp"
#include "peer/wire.hpp"

namespace peer = tidegate::peer;

FUZZ_TARGET(data, size) {
  static const std::optional<tidegate::HmacKey> key{tidegate::HmacKey(std::string(32, 's'))};
  const std::string_view text = tidegate::fuzz::text(data, size);
  CHECK(!peer::open_token(text, key) || size > 60);  // nobody guesses a MAC
  (void)peer::Trailer::open(text, key);
  std::string whole, in_two;
  peer::AnswerReader one, two;
  const bool taken = one.feed(text, whole).has_value();
  const bool halves = two.feed(text.substr(0, size / 2), in_two).has_value() &&
                      two.feed(text.substr(size / 2), in_two).has_value();
  CHECK(taken == halves);
  CHECK(whole == in_two);
  if (taken) CHECK(one.trailer() == two.trailer());
  if (const auto* headers = one.headers(); taken && headers) {
    CHECK(two.headers() && two.headers()->size() == headers->size());
    auto same = two.headers()->begin();
    for (const tidegate::http::Header& header : *headers) {
      CHECK(tidegate::http::is_field_name(header.name));
      CHECK(tidegate::http::is_field_value(header.value));
      CHECK(same->name == header.name && same->value == header.value);
      ++same;
    }
  }
  for (const std::string_view label : {"tidegate routing token 1", "tidegate trailer 1"}) {
    const std::string sealed = peer::seal(label, std::string(text), *key).bytes;
    CHECK(peer::unseal(label, sealed, *key, sealed.size())->document == text);
    (void)peer::open_token(sealed, key);
    if (const auto trailer = peer::Trailer::open(sealed, key)) {
      CHECK(peer::Trailer::open(trailer->sign(*key), key).has_value());
    }
  }
  return 0;
}
