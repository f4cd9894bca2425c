#include "base/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/src.hpp>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/bytes.hpp"
#include "base/json_escapes.hpp"
#include "base/limits.hpp"

namespace tidegate::json {
namespace {

void canonical_number(std::string& out, double d) {
  // ECMAScript's Number::toString: the shortest digits that round-trip; plain notation for 1e-7 <
  // |d| < 1e21.
  if (d == 0) {
    out += '0';
    return;
  }
  char buffer[32];
  const double magnitude = std::fabs(d);
  const auto format = magnitude >= 1e21 || magnitude < 1e-6 ? std::chars_format::scientific
                                                            : std::chars_format::fixed;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, d, format).ptr;
  std::string text(buffer, end);
  if (format == std::chars_format::scientific) {
    // 1e+21 and 1e-7, not 1e-07
    const auto e = text.find('e');
    std::string exponent = text.substr(e + 2);
    exponent.erase(0, std::min(exponent.find_first_not_of('0'), exponent.size() - 1));
    text = text.substr(0, e + 2) + exponent;
  }
  out += text;
}

// UTF-16 order differs from UTF-8 order only where a surrogate pair meets U+E000..U+FFFF.
bool utf16_less(std::string_view a, std::string_view b) {
  const auto rank = [](unsigned char c) {
    return c >= 0xf0 ? 0xed : c >= 0xee ? c + 0x10 : static_cast<int>(c);
  };
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i] != b[i])
      return rank(static_cast<unsigned char>(a[i])) < rank(static_cast<unsigned char>(b[i]));
  }
  return a.size() < b.size();
}

void append_canonical(std::string& out, const value& v) {
  switch (v.kind()) {
    case boost::json::kind::null:
      out += "null";
      return;
    case boost::json::kind::bool_:
      out += v.get_bool() ? "true" : "false";
      return;
    case boost::json::kind::int64:
      out += std::to_string(v.get_int64());
      return;
    case boost::json::kind::uint64:
      out += std::to_string(v.get_uint64());
      return;
    case boost::json::kind::double_:
      canonical_number(out, v.get_double());
      return;
    case boost::json::kind::string:
      append_quoted(out, v.get_string());
      return;
    case boost::json::kind::array: {
      out += '[';
      bool first = true;
      for (const value& item : v.get_array()) {
        if (!std::exchange(first, false)) out += ',';
        append_canonical(out, item);
      }
      out += ']';
      return;
    }
    case boost::json::kind::object: {
      std::vector<const boost::json::key_value_pair*> members;
      for (const auto& member : v.get_object()) members.push_back(&member);
      std::ranges::sort(
          members, [](const auto* a, const auto* b) { return utf16_less(a->key(), b->key()); });
      out += '{';
      bool first = true;
      for (const auto* member : members) {
        if (!std::exchange(first, false)) out += ',';
        append_quoted(out, member->key());
        out += ':';
        append_canonical(out, member->value());
      }
      out += '}';
      return;
    }
  }
}

// What both SAX handlers below have in common: no limits of their own, and comments never come.
struct Handler {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using ec = boost::system::error_code;
  using text = boost::json::string_view;
  bool on_document_begin(ec&) { return true; }
  bool on_document_end(ec&) { return true; }
  bool on_object_begin(ec&) { return true; }
  bool on_array_begin(ec&) { return true; }
  bool on_number_part(text, ec&) { return true; }
  bool on_comment_part(text, ec&) { return true; }
  bool on_comment(text, ec&) { return true; }
};

// Builds the value and counts the members that the text has.
struct Builder : Handler {
  Builder(unsigned char* scratch, std::size_t scratch_size)
      : stack(boost::json::storage_ptr{}, scratch, scratch_size) {}
  boost::json::value_stack stack;
  std::size_t members = 0;
  const TakenOut* taken_out = nullptr;  // the document is its text

  text original(text s) const { return taken_out ? text(taken_out->original(s)) : s; }

  bool on_object_end(std::size_t n, ec&) {
    members += n;
    stack.push_object(n);
    return true;
  }
  bool on_array_end(std::size_t n, ec&) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(text s, std::size_t, ec&) {
    stack.push_chars(s);
    return true;
  }
  bool on_key(text s, std::size_t, ec&) {
    stack.push_key(original(s));
    return true;
  }
  bool on_string_part(text s, std::size_t, ec&) {
    stack.push_chars(s);
    return true;
  }
  bool on_string(text s, std::size_t, ec&) {
    stack.push_string(original(s));
    return true;
  }
  bool on_int64(std::int64_t i, text, ec&) {
    stack.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t u, text, ec&) {
    stack.push_uint64(u);
    return true;
  }
  bool on_double(double d, text s, ec& error) {
    // Boost.JSON rounds some numbers to a neighbour; what is passed on must be what came. A number
    // that is out of range is left to it: 0, or infinity.
    std::from_chars(s.data(), s.data() + s.size(), d);
    if (!std::isfinite(d)) {  // there is no way to write it again
      error = boost::json::error::exponent_overflow;
      return false;
    }
    stack.push_double(d);
    return true;
  }
  bool on_bool(bool b, ec&) {
    stack.push_bool(b);
    return true;
  }
  bool on_null(ec&) {
    stack.push_null();
    return true;
  }
};

// Builds nothing: it only remembers the keys of the open objects.
struct KeyChecker : Handler {
  std::vector<std::vector<std::string>> open;
  std::string key;
  std::string duplicate;

  bool on_object_begin(ec&) {
    open.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, ec&) {
    auto keys = std::move(open.back());
    open.pop_back();
    std::ranges::sort(keys);
    if (const auto found = std::ranges::adjacent_find(keys); found != keys.end())
      duplicate = *found;
    return true;
  }
  bool on_array_end(std::size_t, ec&) { return true; }
  bool on_key_part(text s, std::size_t, ec&) {
    key.append(s.data(), s.size());
    return true;
  }
  bool on_key(text s, std::size_t, ec&) {
    key.append(s.data(), s.size());
    open.back().push_back(std::exchange(key, {}));
    return true;
  }
  bool on_string_part(text, std::size_t, ec&) { return true; }
  bool on_string(text, std::size_t, ec&) { return true; }
  bool on_int64(std::int64_t, text, ec&) { return true; }
  bool on_uint64(std::uint64_t, text, ec&) { return true; }
  bool on_double(double, text, ec&) { return true; }
  bool on_bool(bool, ec&) { return true; }
  bool on_null(ec&) { return true; }
};

// Of a value that was built: Boost.JSON keeps the last of two members with equal keys, and here
// they are an error, because two readers could choose differently.
std::size_t members_in(const value& v) {
  std::size_t count = 0;
  const auto add = [&](const value& inner) {
    if (inner.is_structured()) count += members_in(inner);
  };
  if (const auto* o = v.if_object()) {
    count = o->size();
    for (const auto& member : *o) add(member.value());
  } else if (const auto* a = v.if_array()) {
    for (const value& item : *a) add(item);
  }
  return count;
}

boost::json::parse_options strict() {
  boost::json::parse_options options;
  options.max_depth = limits::json_depth_max;
  return options;
}

std::string first_duplicate(std::string_view text) {
  boost::json::basic_parser<KeyChecker> parser(strict());
  boost::system::error_code ec;
  parser.write_some(false, text.data(), text.size(), ec);
  return parser.handler().duplicate;
}

Result<value> parse_as_it_stands(std::string_view text, const TakenOut* taken_out,
                                 boost::json::storage_ptr storage) {
  unsigned char scratch[4096];  // the values of the open objects and arrays
  boost::json::basic_parser<Builder> parser(strict(), scratch, sizeof scratch);
  Builder& builder = parser.handler();
  builder.taken_out = taken_out;
  builder.stack.reset(std::move(storage));
  boost::system::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && used < text.size()) ec = boost::json::error::extra_data;
  if (ec) {
    return fail(ErrorCode::malformed_json,
                fmt::format("the JSON document is not valid at byte {}: {}", used, ec.message()));
  }
  value out = builder.stack.release();
  if (builder.members != members_in(out)) {
    return fail(ErrorCode::malformed_json,
                fmt::format("the JSON document has the member \"{}\" twice in one object",
                            first_duplicate(text)));
  }
  return out;
}

}  // namespace

Result<value> parse(std::string_view text, boost::json::storage_ptr storage) {
  // Boost.JSON reads a string a byte at a time from its first escape on, and prompts have a line
  // feed in every line.
  if (const auto taken_out = take_out_escaped_strings(text)) {
    if (auto out = parse_as_it_stands(taken_out->text, &*taken_out, storage)) return out;
  }
  return parse_as_it_stands(text, nullptr, std::move(storage));  // what is wrong, and where
}

std::string serialize(const value& v) {
  return boost::json::serialize(v);
}

std::string canonical(const value& v) {
  std::string out;
  append_canonical(out, v);
  return out;
}

void append_number(std::string& out, std::int64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

const value* find(const object& o, std::string_view name) {
  const value* v = o.if_contains(name);
  return v && !v->is_null() ? v : nullptr;
}
const object* find_object(const object& o, std::string_view name) {
  const value* v = find(o, name);
  return v ? v->if_object() : nullptr;
}
const array* find_array(const object& o, std::string_view name) {
  const value* v = find(o, name);
  return v ? v->if_array() : nullptr;
}
std::optional<std::string_view> find_string(const object& o, std::string_view name) {
  const value* v = find(o, name);
  if (!v || !v->is_string()) return std::nullopt;
  return std::string_view(v->get_string());
}
std::optional<std::int64_t> find_int(const object& o, std::string_view name) {
  const value* v = find(o, name);
  if (!v || !v->is_int64()) return std::nullopt;
  return v->get_int64();
}
std::optional<double> find_number(const object& o, std::string_view name) {
  const value* v = find(o, name);
  if (!v) return std::nullopt;
  if (v->is_double()) return v->get_double();
  if (v->is_int64()) return static_cast<double>(v->get_int64());
  if (v->is_uint64()) return static_cast<double>(v->get_uint64());
  return std::nullopt;
}
std::optional<bool> find_bool(const object& o, std::string_view name) {
  const value* v = find(o, name);
  if (!v || !v->is_bool()) return std::nullopt;
  return v->get_bool();
}

}  // namespace tidegate::json
