#include "gateway/trace.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace tidegate::gateway {
namespace {

bool is_lower_hex(std::string_view text) {
  bool all = true;  // without an early end: it runs eight at a time
  for (const char c : text) all &= (c >= '0' && c <= '9') | (c >= 'a' && c <= 'f');
  return all;
}

void append_random(std::string& out, Rng& rng, std::size_t size) {
  std::array<std::uint8_t, 16> raw;
  rng.fill({raw.data(), size});
  append_hex(out, {reinterpret_cast<const char*>(raw.data()), size});
}

}  // namespace

bool is_traceparent(std::string_view t) {
  const auto all_zero = [](std::string_view part) {
    return part.find_first_not_of('0') == std::string_view::npos;
  };
  return t.size() == 55 && t.starts_with("00-") && t[35] == '-' && t[52] == '-' &&
         is_lower_hex(t.substr(3, 32)) && is_lower_hex(t.substr(36, 16)) &&
         is_lower_hex(t.substr(53, 2)) && !all_zero(t.substr(3, 32)) && !all_zero(t.substr(36, 16));
}

std::string continue_trace(std::string_view incoming, Rng& rng) {
  const bool valid = is_traceparent(incoming);
  std::string out;
  out.reserve(55);
  out += "00-";
  if (valid) {
    out += incoming.substr(3, 32);
  } else {
    append_random(out, rng, 16);
  }
  out += '-';
  append_random(out, rng, 8);
  out += valid ? incoming.substr(52) : "-00";
  return out;
}

std::string_view trace_id(std::string_view traceparent) {
  return traceparent.size() == 55 ? traceparent.substr(3, 32) : std::string_view{};
}

}  // namespace tidegate::gateway
