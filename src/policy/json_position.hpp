// Where an element of a JSON document stands in its text, as a line and a column that an editor
// shows. JSON libraries forget positions, so the text, known to be valid, is walked once more for
// the one element that is complained about.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace tidegate::policy {

// One step from a value to a part of it: the member of that name, or (where the name is empty) the
// item at that index.
struct Step {
  std::string_view member;
  std::size_t item = 0;
};

struct Position {
  std::size_t line = 1, column = 1;  // from 1; columns count characters
};

enum class Point : std::uint8_t { name, value };

// The place of the value that `path` leads to, or of its name. `text` must be valid JSON. A path
// that leads nowhere gives the place of the last value that it reached.
Position find_position(std::string_view text, std::span<const Step> path, Point point);

Position position_at(std::string_view text, std::size_t offset);

}  // namespace tidegate::policy
