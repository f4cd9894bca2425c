// Reading the JSON that the admin API takes: strictly.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace tidegate::admin {

// Errors of all three: configuration; `where` says which object.
std::unexpected<Error> wrong(std::string_view where, std::string_view what);
Result<std::string> text_member(const json::object& object, std::string_view name,
                                std::string_view where);
Result<void> only_members(const json::object& object, std::initializer_list<std::string_view> known,
                          std::string_view where);

}  // namespace tidegate::admin
