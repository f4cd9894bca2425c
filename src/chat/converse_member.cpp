#include "chat/converse_member.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace tidegate::chat {
namespace {

std::unexpected<Error> client_error(ErrorCode code, std::string message, std::string mend) {
  return fail(Error{.code = code,
                    .origin = Origin::client,
                    .message = std::move(message),
                    .mend = std::move(mend),
                    .why = {}});
}

// What AWS's deserializer calls the JSON that it met.
std::string_view token_of(const json::value& v) {
  switch (v.kind()) {
    case boost::json::kind::null:
      return "NULL_VALUE";
    case boost::json::kind::bool_:
      return v.get_bool() ? "TRUE_VALUE" : "FALSE_VALUE";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
      return "NUMBER_VALUE";
    case boost::json::kind::double_:
      return "DECIMAL_VALUE";
    case boost::json::kind::string:
      return "STRING_VALUE";
    case boost::json::kind::array:
      return "START_ARRAY";
    case boost::json::kind::object:
      return "START_OBJECT";
  }
  return "UNKNOWN";
}

}  // namespace

std::unexpected<Error> invalid(std::string message, std::string mend) {
  return client_error(ErrorCode::validation, std::move(message), std::move(mend));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

std::string Member::path() const {
  if (!parent_) return {};
  std::string out = parent_->path();
  if (!out.empty()) out += '.';
  return out += name_.empty() ? std::to_string(index_) : std::string(name_);
}

std::string Member::framework_path() const {
  if (!parent_) return {};
  std::string out = parent_->framework_path();
  if (!out.empty()) out += '.';
  return out += name_.empty() ? fmt::format("{}.member", index_ + 1) : std::string(name_);
}

std::unexpected<Error> Member::wrong_type(std::string_view wanted) const {
  const std::string where = parent_ ? fmt::format("The member {}", path()) : "The body";
  return client_error(ErrorCode::malformed_json,
                      fmt::format("{} can not be converted to {}", token_of(*value_), wanted),
                      fmt::format("{} must be {}.", where, wanted));
}

Result<const json::object*> Member::object() const {
  if (const auto* o = value_->if_object()) return o;
  return wrong_type("an Object");
}
Result<const json::array*> Member::array() const {
  if (const auto* a = value_->if_array()) return a;
  return wrong_type("a List");
}
Result<std::string_view> Member::string() const {
  if (const auto* s = value_->if_string()) return std::string_view(*s);
  return wrong_type("a String");
}
Result<std::int64_t> Member::integer() const {
  if (const auto* i = value_->if_int64(); i && *i == static_cast<std::int32_t>(*i)) return *i;
  return wrong_type("an Integer");
}
Result<double> Member::number() const {
  if (const auto* d = value_->if_double()) return *d;
  if (const auto* i = value_->if_int64()) return static_cast<double>(*i);
  if (const auto* u = value_->if_uint64()) return static_cast<double>(*u);
  return wrong_type("a Float");
}
Result<bool> Member::boolean() const {
  if (const auto* b = value_->if_bool()) return *b;
  return wrong_type("a Boolean");
}

std::optional<Member> Member::child(std::string_view name) const {
  const json::value* v = json::find(value_->get_object(), name);
  if (!v) return std::nullopt;
  return Member(*v, *this, name);
}

Result<Member> Member::required(std::string_view name) const {
  if (auto found = child(name)) return *found;
  return Member(*value_, *this, name).violates({}, "Member must not be null");
}

Result<Member> Member::only_one_of(std::string_view shape,
                                   std::span<const std::string_view> keys) const {
  TRY(const json::object* members, object());
  std::optional<Member> found;
  std::size_t present = 0;
  for (const auto& member : *members) {
    if (member.value().is_null()) continue;
    ++present;
    const auto key = std::ranges::find(keys, std::string_view(member.key()));
    if (key != keys.end()) found.emplace(member.value(), *this, *key);
  }
  if (present == 1 && found) return *found;
  const std::string all = fmt::format("{}", fmt::join(keys, ", "));
  if (present > 1) {
    return invalid(fmt::format("The {} object at {} can only set one of the following keys: {}.",
                               shape, path(), all));
  }
  return invalid(fmt::format("The {} object at {} must set one of the following keys: {}.", shape,
                             path(), all));
}

Result<std::string_view> Member::string_of_length(std::size_t min, std::size_t max) const {
  TRY(const std::string_view text, string());
  // Smithy counts code points; bytes that continue one are 10xxxxxx.
  const auto length = static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
  if (length < min) {
    return violates(text, fmt::format("Member must have length greater than or equal to {}", min));
  }
  if (length > max) {
    return violates(text, fmt::format("Member must have length less than or equal to {}", max));
  }
  return text;
}

Result<std::string_view> Member::one_of(std::initializer_list<std::string_view> values) const {
  TRY(const std::string_view text, string());
  if (std::ranges::find(values, text) != values.end()) return text;
  return violates(text, fmt::format("Member must satisfy enum value set: [{}]",
                                    fmt::join(values.begin(), values.end(), ", ")));
}

Result<void> Member::range(double value, double min, double max) const {
  if (value >= min && value <= max) return {};
  return violates(fmt::format("{}", value),
                  value < min
                      ? fmt::format("Member must have value greater than or equal to {}", min)
                      : fmt::format("Member must have value less than or equal to {}", max));
}

Result<void> Member::matches(std::string_view text, std::string_view pattern,
                             bool (*allowed)(char)) const {
  if (std::ranges::all_of(text, allowed)) return {};
  return violates(text, fmt::format("Member must satisfy regular expression pattern: {}", pattern));
}

std::unexpected<Error> Member::violates(std::string_view value, std::string_view constraint) const {
  // A value can be as long as a body and may be a prompt put in the wrong place: names stay short.
  constexpr std::size_t shown_max = 64;
  std::string shown = value_->is_object() ? "null" : fmt::format("'{}'", value);
  if (value.size() > shown_max) shown = "of " + std::to_string(value.size()) + " bytes";
  return invalid(
      fmt::format("1 validation error detected: Value {} at '{}' failed to satisfy constraint: {}",
                  shown, framework_path(), constraint));
}

std::unexpected<Error> Member::not_supported(std::string mend) const {
  return invalid(
      fmt::format("This model doesn't support the {0} field. Remove {0} and try again.", path()),
      std::move(mend));
}

}  // namespace tidegate::chat
