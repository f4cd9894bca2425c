// JSON in the making, appended to one string: commas between, none before the first, and members
// whose text is quoted.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/json.hpp"

namespace tidegate::chat {

class Commas {
 public:
  void next(std::string& out) {
    if (!std::exchange(first_, false)) out += ',';
  }

 private:
  bool first_ = true;
};

// `before` as it stands ("{\"text\":"), then `text` as a JSON string.
inline void append_member(std::string& out, std::string_view before, std::string_view text) {
  out += before;
  json::append_quoted(out, text);
}

}  // namespace tidegate::chat
