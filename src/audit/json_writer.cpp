#include "audit/json_writer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/byte_blocks.hpp"
#include "base/limits.hpp"

namespace tidegate::audit {
namespace {

template <class Number>
void append_chars(Buffer& out, Number number) {
  char* const to = out.room(32);
  out.advance(static_cast<std::size_t>(std::to_chars(to, to + 32, number).ptr - to));
}

// With the escapes that the text needs.
void append_escaped(Buffer& out, std::string_view text) {
  std::string quoted;
  json::append_quoted(quoted, text);
  out += quoted;
}

// ASCII without control characters, quotes and backslashes: the same bytes in JSON.
bool is_plain(std::string_view text) {
  return has_none(text, [](auto v) { return (v < 0x20) | (v == '"') | (v == '\\'); });
}

// `number` in `digits` places; returns the place behind them.
char* put_digits(char* to, unsigned number, int digits) {
  for (int at = digits; at-- > 0; number /= 10) to[at] = static_cast<char>('0' + number % 10);
  return to + digits;
}

}  // namespace

void append_text(Buffer& out, std::string_view text) {
  if (!is_plain(text)) [[unlikely]]
    return append_escaped(out, text);
  char* const to = out.room(text.size() + 2);
  to[0] = '"';
  std::memcpy(to + 1, text.data(), text.size());
  to[text.size() + 1] = '"';
  out.advance(text.size() + 2);
}

void append_time(Buffer& out, WallTime time, Precision precision) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto millis =
      static_cast<unsigned>(std::chrono::floor<std::chrono::milliseconds>(time - day).count());
  const unsigned seconds = millis / 1000;
  char* const start = out.room(32);
  char* to = start;
  const auto part = [&](char before, unsigned number, int digits) {
    *to++ = before;
    to = put_digits(to, number, digits);
  };
  part('"', static_cast<unsigned>(static_cast<int>(date.year())), 4);
  part('-', static_cast<unsigned>(date.month()), 2);
  part('-', static_cast<unsigned>(date.day()), 2);
  part('T', seconds / 3600, 2);
  part(':', seconds / 60 % 60, 2);
  part(':', seconds % 60, 2);
  if (precision == Precision::millis) part('.', millis % 1000, 3);
  *to++ = 'Z';
  *to++ = '"';
  out.advance(static_cast<std::size_t>(to - start));
}

void append_hex(Buffer& out, const Sha256& digest) {
  char* const to = out.room(2 * digest.size() + 2);
  to[0] = '"';
  write_hex(view(digest), to + 1);
  to[2 * digest.size() + 1] = '"';
  out.advance(2 * digest.size() + 2);
}

void replace_if_too_large(Buffer& out, std::size_t start) {
  const std::size_t bytes = out.size() - start;
  if (bytes <= limits::audit_member_bytes_max) return;
  out.truncate(start);
  out += R"({"omittedBytes":)";
  append_chars(out, bytes);
  out += '}';
}

void append_number(Buffer& out, std::int64_t number) {
  if (number >= 0 && number < 10) {  // as half of them
    out += static_cast<char>('0' + number);
  } else {
    append_chars(out, number);
  }
}

void append_millis(Buffer& out, Duration duration) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(duration).count();
  append_number(out, micros / 1000);
  const auto rest = static_cast<unsigned>(micros % 1000);
  if (rest == 0) return;
  char* const to = out.room(4);
  *to = '.';
  put_digits(to + 1, rest, 3);
  out.advance(4);
}

void append_foreign(Buffer& out, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0) == 0x80) --end;
    text = text.substr(0, end);
  }
  if (is_plain(text) || is_valid_utf8(text)) [[likely]] {
    append_text(out, text);
    return;
  }
  std::string ascii(text);
  for (char& c : ascii) {
    if (static_cast<std::uint8_t>(c) >= 0x80) c = '?';
  }
  append_escaped(out, ascii);
}

void append_value(Buffer& out, const json::value& value, std::size_t depth) {
  if (depth > limits::json_depth_max / 2) {
    out += "null";
    return;
  }
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "null";
      return;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case boost::json::kind::int64:
      append_chars(out, value.get_int64());
      return;
    case boost::json::kind::uint64:
      append_chars(out, value.get_uint64());
      return;
    case boost::json::kind::double_:
      if (std::isfinite(value.get_double())) {
        append_chars(out, value.get_double());
      } else {
        out += "null";
      }
      return;
    case boost::json::kind::string:
      append_foreign(out, value.get_string(), limits::audit_member_bytes_max);
      return;
    case boost::json::kind::array:
      append_value(out, value.get_array(), depth);
      return;
    case boost::json::kind::object:
      append_value(out, value.get_object(), depth);
      return;
  }
}

void append_value(Buffer& out, const json::array& array, std::size_t depth) {
  append_array(out, array,
               [depth](Buffer& to, const json::value& item) { append_value(to, item, depth + 1); });
}

void append_value(Buffer& out, const json::object& object, std::size_t depth) {
  out += '{';
  for (const auto& member : object) {
    if (out.back() != '{') out += ',';
    append_foreign(out, member.key(), limits::audit_text_bytes_max);
    out += ':';
    append_value(out, member.value(), depth + 1);
  }
  out += '}';
}

void ObjectWriter::object_if(std::string_view quoted, const json::object& value) {
  if (value.empty()) return;
  member(quoted);
  const std::size_t start = out_.size();
  append_value(out_, value);
  replace_if_too_large(out_, start);
}

}  // namespace tidegate::audit
