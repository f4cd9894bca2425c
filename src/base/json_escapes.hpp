// The escapes of JSON strings (RFC 8259, section 7), both ways.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::json {

// A document whose strings with escapes stand beside it: in `text` each is a mark and its number.
struct TakenOut {
  std::string text;
  std::vector<std::string> strings;

  // The string that `string`, one of the parsed `text`, stands for: mostly itself.
  std::string_view original(std::string_view string) const;
};

// nullopt: there is nothing to take out, too much to copy, or something is wrong with a string,
// which the parser of the whole document is to say.
std::optional<TakenOut> take_out_escaped_strings(std::string_view document);

}  // namespace tidegate::json
