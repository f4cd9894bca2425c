#include "config/policy_text.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/limits.hpp"

namespace tidegate::config {
namespace {

// JSON ignores white space, so it can be spent on putting every token where its YAML stands.
class AlignedJson {
 public:
  explicit AlignedJson(Reader& reader) : reader_(reader) {}

  bool write(const YAML::Node& node, std::size_t depth) {
    if (depth > limits::json_depth_max) {
      reader_.problem(node.Mark(), "the policy is nested too deeply",
                      fmt::format("at most {} levels", limits::json_depth_max), "write it flatter");
      return false;
    }
    if (out_.size() > limits::configuration_bytes_max) {  // aliases can make a small file large
      reader_.problem(node.Mark(), "the policy is too large", "its YAML aliases repeat too much",
                      "write it without aliases");
      return false;
    }
    switch (node.Type()) {
      case YAML::NodeType::Map:
        return write_map(node, depth);
      case YAML::NodeType::Sequence:
        return write_list(node, depth);
      case YAML::NodeType::Scalar:
        write_string(node, 0);
        return true;
      default:
        reader_.problem(node.Mark(), "a value of the policy is empty",
                        "a policy has no empty values", "write a value, or remove its key");
        return false;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  // Brackets and the quotes of keys go before what YAML marks, so that the values behind them fall
  // into place.
  void move_to(const YAML::Mark& mark, int before) {
    while (line_ < mark.line) put('\n');
    while (line_ == mark.line && column_ < mark.column - before) put(' ');
  }
  void put(char c) {
    out_ += c;
    line_ += c == '\n' ? 1 : 0;
    column_ = c == '\n' ? 0 : column_ + 1;
  }
  // Policies have strings only: 2012-10-17 and true are strings in them, whatever YAML makes of
  // them.
  void write_string(const YAML::Node& node, int before) {
    move_to(node.Mark(), before);
    const std::size_t size = out_.size();
    json::append_quoted(out_, node.Scalar());
    column_ += static_cast<int>(out_.size() - size);
  }
  bool write_map(const YAML::Node& node, std::size_t depth) {
    move_to(node.Mark(), 2);
    put('{');
    bool first = true;
    for (const auto& member : node) {
      if (!std::exchange(first, false)) put(',');
      if (!member.first.IsScalar()) {
        reader_.problem(member.first.Mark(), "a key of the policy is not a word",
                        "keys of a policy are words", "write the key as one word");
        return false;
      }
      write_string(member.first, 1);
      put(':');
      if (!write(member.second, depth + 1)) return false;
    }
    put('}');
    return true;
  }
  bool write_list(const YAML::Node& node, std::size_t depth) {
    move_to(node.Mark(), 1);
    put('[');
    bool first = true;
    for (const YAML::Node& item : node) {
      if (!std::exchange(first, false)) put(',');
      if (!write(item, depth + 1)) return false;
    }
    put(']');
    return true;
  }

  Reader& reader_;
  std::string out_;
  int line_ = 0, column_ = 0;
};

std::string_view line_of(std::string_view text, int line) {
  for (; line > 0 && !text.empty(); --line) {
    const auto end = text.find('\n');
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::optional<PolicyJson> policy_json(Reader& reader, const YAML::Node& document,
                                      const std::string& source) {
  if (document.IsMap()) {
    AlignedJson writer(reader);
    if (!writer.write(document, 1)) return std::nullopt;
    return PolicyJson{.json = writer.take(), .file = reader.file()};
  }
  if (!document.IsScalar()) {
    reader.problem(document.Mark(), "\"document\" is neither a map nor a text",
                   "a policy is a map, or a block of JSON",
                   "write its members below, or \"document: |\" and the JSON, indented");
    return std::nullopt;
  }
  PolicyJson text{.json = document.Scalar(), .file = reader.file()};
  const std::string_view opening = line_of(source, document.Mark().line);
  const auto at = static_cast<std::size_t>(document.Mark().column);
  if (at < opening.size() && opening[at] == '|') {
    text.line_offset = document.Mark().line + 1;
    const auto first = line_of(source, text.line_offset);
    text.column_offset = static_cast<int>(std::min(first.find_first_not_of(' '), first.size()));
  } else {  // one line in quotes
    text.line_offset = document.Mark().line;
    text.column_offset = document.Mark().column + 1;
  }
  return text;
}

}  // namespace tidegate::config
