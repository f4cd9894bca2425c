#include "chat/field.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace tidegate::chat {
namespace {

using Kind = Problem::Kind;

}  // namespace

JsonType type_of(const json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::bool_:
      return JsonType::boolean;
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
      return JsonType::integer;
    case boost::json::kind::double_:
      return JsonType::number;
    case boost::json::kind::string:
      return JsonType::string;
    case boost::json::kind::array:
      return JsonType::array;
    case boost::json::kind::null:
    case boost::json::kind::object:
      break;
  }
  return JsonType::object;
}

std::string Field::path(Style style) const {
  if (!parent_) return style == Style::pointer ? "#" : "";
  std::string out = parent_->path(style);
  const std::string step = name_.empty() ? std::to_string(index_) : std::string(name_);
  if (style == Style::brackets && name_.empty()) return out += '[' + step + ']';
  if (!out.empty()) out += style == Style::pointer ? '/' : '.';
  return out += step;
}

std::unexpected<Error> Field::wrong_type(JsonType wanted) const {
  return wrong({.kind = Kind::wrong_type, .wanted = wanted});
}
std::unexpected<Error> Field::length(std::size_t got, std::size_t min, std::size_t max) const {
  return wrong({.kind = got < min ? Kind::too_short : Kind::too_long,
                .bound = std::to_string(got < min ? min : max),
                .got = std::to_string(got)});
}

Result<const json::object*> Field::object() const {
  if (const auto* o = value_->if_object()) return o;
  return wrong_type(JsonType::object);
}
Result<const json::array*> Field::array() const {
  if (const auto* a = value_->if_array()) return a;
  return wrong_type(JsonType::array);
}
Result<std::string_view> Field::string() const {
  if (const auto* s = value_->if_string()) return std::string_view(*s);
  return wrong_type(JsonType::string);
}
Result<std::int64_t> Field::integer() const {
  if (const auto* i = value_->if_int64()) return *i;
  return wrong_type(JsonType::integer);
}
Result<double> Field::number() const {
  if (const auto* d = value_->if_double()) return *d;
  if (const auto* i = value_->if_int64()) return static_cast<double>(*i);
  if (const auto* u = value_->if_uint64()) return static_cast<double>(*u);
  return wrong_type(JsonType::number);
}
Result<bool> Field::boolean() const {
  if (const auto* b = value_->if_bool()) return *b;
  return wrong_type(JsonType::boolean);
}

std::optional<Field> Field::child(std::string_view name) const {
  const json::value* v = json::find(value_->get_object(), name);
  if (!v) return std::nullopt;
  return Field(*v, *this, name);
}

Result<Field> Field::required(std::string_view name) const {
  TRY_VOID(object());
  if (auto found = child(name)) return *found;
  return wrong({.kind = Kind::missing, .detail = std::string(name)});
}

Result<void> Field::only(std::initializer_list<std::string_view> names) const {
  TRY(const json::object* members, object());
  for (const auto& member : *members) {
    const std::string_view key = member.key();
    if (std::ranges::find(names, key) == names.end()) {
      return wrong({.kind = Kind::unknown, .detail = std::string(key)});
    }
  }
  return {};
}

Result<std::string_view> Field::one_of(std::initializer_list<std::string_view> values) const {
  TRY(const std::string_view text, string());
  if (std::ranges::find(values, text) != values.end()) return text;
  // Two values are joined by "or", more by commas as well: English, in every door's words.
  std::string all;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) all += i + 1 == values.size() ? " or " : ", ";
    all += fmt::format("'{}'", values.begin()[i]);
  }
  return wrong({.kind = Kind::not_one_of, .detail = all, .got = std::string(text)});
}

Result<std::int64_t> Field::integer_from(std::int64_t min, std::int64_t max) const {
  TRY(const std::int64_t n, integer());
  if (n >= min && n <= max) return n;
  return wrong({.kind = n < min ? Kind::below : Kind::above,
                .bound = std::to_string(n < min ? min : max),
                .got = std::to_string(n)});
}

Result<double> Field::number_from(double min, double max) const {
  TRY(const double n, number());
  if (n >= min && n <= max) return n;
  return wrong({.kind = n < min ? Kind::below : Kind::above,
                .bound = fmt::format("{}", n < min ? min : max),
                .got = fmt::format("{}", n)});
}

Result<std::string_view> Field::string_of_length(std::size_t min, std::size_t max) const {
  TRY(const std::string_view text, string());
  const auto points = static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
  if (points >= min && points <= max) return text;
  return length(points, min, max);
}

Result<const json::array*> Field::array_of_length(std::size_t min, std::size_t max) const {
  TRY(const json::array* items, array());
  if (items->size() >= min && items->size() <= max) return items;
  return length(items->size(), min, max);
}

Result<void> take_additional(const Field& root, std::initializer_list<std::string_view> known,
                             const AdditionalFields& fields, json::object& out) {
  TRY(const json::object* members, root.object());
  for (const auto& member : *members) {
    const std::string_view key = member.key();
    if (std::ranges::find(known, key) != known.end()) continue;
    const bool allowed =
        fields.pass_all || std::ranges::any_of(fields.allowed, [&](std::string_view pointer) {
          return pointer.size() == key.size() + 1 && pointer.front() == '/' &&
                 pointer.ends_with(key);
        });
    if (!allowed) return root.wrong({.kind = Kind::unknown, .detail = std::string(key)});
    out[key] = member.value();
  }
  return {};
}

}  // namespace tidegate::chat
