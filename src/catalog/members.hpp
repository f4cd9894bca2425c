// Reads one object of a catalogue's document strictly: each member is asked for by name, and
// finish() refuses those that nobody asked for.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace tidegate::catalog {

inline std::unexpected<Error> wrong(std::string_view where, std::string_view what) {
  return fail(ErrorCode::configuration, fmt::format("catalogue: {}: {}", where, what));
}

class Members {
 public:
  static Result<Members> open(const json::value& v, std::string where) {
    if (!v.is_object()) return wrong(where, "must be an object");
    return Members(v.get_object(), std::move(where));
  }

  Result<const json::value*> any(std::string_view name) {
    asked_.push_back(name);
    if (const json::value* v = json::find(object_, name)) return v;
    return wrong(where_, fmt::format("member \"{}\" is missing", name));
  }
  Result<std::string> text(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_string() || v->get_string().empty()) {
      return wrong(member(name), "must be a string that is not empty");
    }
    return std::string(v->get_string());
  }
  Result<std::int64_t> integer(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_int64()) return wrong(member(name), "must be a whole number");
    return v->get_int64();
  }
  Result<bool> boolean(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_bool()) return wrong(member(name), "must be true or false");
    return v->get_bool();
  }
  Result<const json::array*> list(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_array()) return wrong(member(name), "must be a list");
    return &v->get_array();
  }
  Result<const json::object*> object(std::string_view name) {
    TRY(const json::value* v, any(name));
    if (!v->is_object()) return wrong(member(name), "must be an object");
    return &v->get_object();
  }
  // A member that may be absent: null where it is.
  const json::value* optional(std::string_view name) {
    const json::value* v = json::find(object_, name);
    if (v) asked_.push_back(name);
    return v;
  }
  // One that was read in another way.
  void known(std::string_view name) { asked_.push_back(name); }
  // Empty where it is absent.
  Result<std::string> optional_text(std::string_view name) {
    if (!json::find(object_, name)) return std::string();
    return text(name);
  }
  // Call it once every member has been read.
  Result<void> finish() const {
    for (const auto& m : object_) {
      const std::string_view name = m.key();
      if (std::ranges::find(asked_, name) == asked_.end()) {
        return wrong(member(name), "is not a member that this version knows");
      }
    }
    return {};
  }
  std::string member(std::string_view name) const { return fmt::format("{}.{}", where_, name); }

 private:
  Members(const json::object& o, std::string where) : object_(o), where_(std::move(where)) {}
  const json::object& object_;
  std::string where_;
  std::vector<std::string_view> asked_;
};

}  // namespace tidegate::catalog
