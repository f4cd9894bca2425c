#include "admin/members.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tidegate::admin {

std::unexpected<Error> wrong(std::string_view where, std::string_view what) {
  return fail(ErrorCode::configuration, fmt::format("{}: {}", where, what),
              "See docs/reference/configuration.md for the form of a documents file.");
}

Result<std::string> text_member(const json::object& object, std::string_view name,
                                std::string_view where) {
  const auto text = json::find_string(object, name);
  if (!text || text->empty())
    return wrong(where, fmt::format("the member \"{}\" must be a string that is not empty", name));
  return std::string(*text);
}

Result<void> only_members(const json::object& object, std::initializer_list<std::string_view> known,
                          std::string_view where) {
  for (const auto& member : object) {
    if (std::ranges::find(known, std::string_view(member.key())) == known.end()) {
      return wrong(where,
                   fmt::format("the member \"{}\" is not known", std::string_view(member.key())));
    }
  }
  return {};
}

}  // namespace tidegate::admin
