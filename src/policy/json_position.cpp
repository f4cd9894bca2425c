#include "policy/json_position.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace tidegate::policy {
namespace {

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t at) : text_(text), at_(at) { skip_space(); }
  std::size_t at() const { return at_; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  }
  // Past one punctuation character and the white space after it.
  void skip_mark() {
    ++at_;
    skip_space();
  }
  // Past one value and the white space after it; gives its text.
  std::string_view take_value() {
    const std::size_t start = at_;
    std::size_t depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        skip_string();
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        --depth;
        ++at_;
      } else if (depth > 0) {
        ++at_;
      } else {
        while (at_ < text_.size() && !std::string_view(",]} \t\r\n").contains(text_[at_])) ++at_;
      }
    } while (depth > 0 && at_ < text_.size());
    const auto value = text_.substr(start, at_ - start);
    skip_space();
    return value;
  }

 private:
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }
  std::string_view text_;
  std::size_t at_;
};

bool is_name(std::string_view quoted, std::string_view name) {
  if (!quoted.contains('\\')) return quoted.substr(1, quoted.size() - 2) == name;
  const auto unescaped = json::parse(quoted);
  return unescaped && unescaped->is_string() && std::string_view(unescaped->get_string()) == name;
}

struct Found {
  std::size_t name, value;
};

// The member or item that `step` names, inside the value at `offset`.
std::optional<Found> find_step(std::string_view text, std::size_t offset, const Step& step) {
  Scanner scan(text, offset);
  const bool in_object = scan.peek() == '{';
  if (in_object == step.member.empty()) return std::nullopt;
  scan.skip_mark();
  for (std::size_t index = 0; scan.peek() != '}' && scan.peek() != ']' && scan.peek() != '\0';
       ++index) {
    const std::size_t name_at = scan.at();
    bool wanted = index == step.item;
    if (in_object) {
      wanted = is_name(scan.take_value(), step.member);
      scan.skip_mark();  // the colon
    }
    if (wanted) return Found{name_at, scan.at()};
    scan.take_value();
    if (scan.peek() == ',') scan.skip_mark();
  }
  return std::nullopt;
}

}  // namespace

Position position_at(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return {.line = 1 + static_cast<std::size_t>(std::ranges::count(before, '\n')),
          .column = 1 + static_cast<std::size_t>(
                            std::ranges::count_if(before.substr(line_start), is_first_byte))};
}

Position find_position(std::string_view text, std::span<const Step> path, Point point) {
  Found found{0, Scanner(text, 0).at()};
  found.name = found.value;
  for (const Step& step : path) {
    const auto next = find_step(text, found.value, step);
    if (!next) break;
    found = *next;
  }
  return position_at(text, point == Point::name ? found.name : found.value);
}

}  // namespace tidegate::policy
