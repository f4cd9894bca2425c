// A policy document as it stands in YAML, to JSON, in such a way that a position in the JSON is a
// position in the file. Inside config/ only.
#pragma once

#include <optional>

#include "config/reader.hpp"

namespace tidegate::config {

struct PolicyJson {
  std::string json;
  std::string file;       // where it stands
  int line_offset = 0;    // added to a line of the JSON: the line in that file
  int column_offset = 0;  // added to a column
};

// `document` is a map (white space is laid out so that each token keeps its line and, if there is
// room, its column) or a block of JSON text. `source` is the whole file, to see how far a block is
// indented.
std::optional<PolicyJson> policy_json(Reader& reader, const YAML::Node& document,
                                      const std::string& source);

}  // namespace tidegate::config
