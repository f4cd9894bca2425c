// Writes JSON by appending to a Buffer: a record is some sixty members, and building a tree of them
// first would cost more than the rest of the append. Text that a caller had a say in goes through
// foreign(), which bounds it and keeps it valid UTF-8.
#pragma once

#include <cstdint>
#include <string_view>

#include "audit/buffer.hpp"
#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/time.hpp"

namespace tidegate::audit {

void append_number(Buffer& out, std::int64_t number);
// To the microsecond: "11", "0.331".
void append_millis(Buffer& out, Duration duration);
// json::append_quoted(), quicker where nothing needs an escape, which is nearly always.
void append_text(Buffer& out, std::string_view text);
enum class Precision : std::uint8_t { seconds, millis };
// "2026-06-08T09:15:02Z" or "2026-06-08T09:15:02.123Z", quotes included.
void append_time(Buffer& out, WallTime time, Precision precision);
void append_hex(Buffer& out, const Sha256& digest);
// At most `bytes_max` of it; bytes that are not UTF-8 become '?'.
void append_foreign(Buffer& out, std::string_view text, std::size_t bytes_max);
// Nested deeper than half of what our parser takes: null, so that the whole document can be read.
void append_value(Buffer& out, const json::value& value, std::size_t depth = 0);
// Their own overloads: as a json::value they would be copied.
void append_value(Buffer& out, const json::array& array, std::size_t depth = 0);
void append_value(Buffer& out, const json::object& object, std::size_t depth = 0);

class ObjectWriter {
 public:
  explicit ObjectWriter(Buffer& out) : out_(out) { out_ += '{'; }
  // `quoted` is the name with its quotes and colon, "\"eventName\":": the cheapest form there is.
  [[gnu::always_inline]] Buffer& member(std::string_view quoted) {
    if (out_.back() != '{') out_ += ',';
    return out_ += quoted;
  }
  [[gnu::always_inline]] void text(std::string_view quoted, std::string_view value) {
    append_text(member(quoted), value);
  }
  [[gnu::always_inline]] void text_if(std::string_view quoted, std::string_view value) {
    if (!value.empty()) text(quoted, value);
  }
  [[gnu::always_inline]] void text_unless(std::string_view implied, std::string_view quoted,
                                          std::string_view value) {
    if (value != implied) text(quoted, value);
  }
  void foreign_if(std::string_view quoted, std::string_view value, std::size_t bytes_max) {
    if (!value.empty()) append_foreign(member(quoted), value, bytes_max);
  }
  [[gnu::always_inline]] void number(std::string_view quoted, std::int64_t value) {
    append_number(member(quoted), value);
  }
  [[gnu::always_inline]] void number_if(std::string_view quoted, std::int64_t value) {
    if (value != 0) number(quoted, value);
  }
  // Left out, and says so, above limits::audit_member_bytes_max.
  void object_if(std::string_view quoted, const json::object& value);
  void end() { out_ += '}'; }

 private:
  Buffer& out_;
};

// What was appended since `start` becomes {"omittedBytes":n} above limits::audit_member_bytes_max.
void replace_if_too_large(Buffer& out, std::size_t start);

// [a,b,c] of whatever `append_item(out, item)` writes. No value ends in a bracket that opens, so
// the last byte says whether an item is the first.
template <class Items, class AppendItem>
void append_array(Buffer& out, const Items& items, AppendItem append_item) {
  out += '[';
  for (const auto& item : items) {
    if (out.back() != '[') out += ',';
    append_item(out, item);
  }
  out += ']';
}

}  // namespace tidegate::audit
