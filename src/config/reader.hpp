// Reads one YAML document by tables: a Key<T> says a member's name, type, default and meaning, and
// how it is stored in a T. The same tables print the reference, so what is documented is what is
// read. A Reader does not stop at the first mistake: it notes each with file, line, column, what,
// why and the mend.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/did_you_mean.hpp"

namespace tidegate::config {

enum class Presence : std::uint8_t { required, optional };

// A line of the reference.
struct KeyText {
  std::string path;      // "listen.api", "backends[].name"
  std::string type;      // "address", "integer 1..256"
  std::string standard;  // what holds without it; "required" where there is no such thing
  std::string meaning;
};

class Reader {
 public:
  // `file` names the text in messages; relative paths inside it are resolved against `directory`.
  Reader(std::string file, std::filesystem::path directory)
      : file_(std::move(file)), directory_(std::move(directory)) {}

  // The one document in `text`; an undefined node (and a problem) if there is not exactly one, or
  // it is not YAML.
  YAML::Node parse(const std::string& text);

  void problem(const YAML::Mark& mark, std::string what, std::string why, std::string mend);
  // For positions that are not YAML's; line and column count from 1.
  void problem_in(const std::string& file, int line, int column, std::string what, std::string why,
                  std::string mend);
  const std::vector<Error>& problems() const { return problems_; }
  std::vector<Error> take_problems() { return std::move(problems_); }
  const std::string& file() const { return file_; }

  // Each returns nullopt after noting the problem. `name` is the key, for the message.
  std::optional<std::string> text(const YAML::Node& node,
                                  std::string_view name);  // ${env:X}, ${file:P} replaced
  std::optional<std::int64_t> integer(const YAML::Node& node, std::string_view name,
                                      std::int64_t min, std::int64_t max);
  std::optional<std::string> path(const YAML::Node& node,
                                  std::string_view name);  // absolute, normal
  std::optional<std::size_t> choice(const YAML::Node& node, std::string_view name,
                                    std::span<const std::string_view> choices);  // its index
  // Absolute and normal, without a slash at its end.
  std::filesystem::path resolve(const std::filesystem::path& path) const;

  bool is_map(const YAML::Node& node, std::string_view name);
  bool is_list(const YAML::Node& node, std::string_view name);
  void unknown_key(const YAML::Node& key, std::span<const std::string_view> known);

 private:
  std::optional<std::string> substitute(const YAML::Node& node, std::string_view name,
                                        const std::string& raw);
  std::optional<std::string> reference(const YAML::Node& node, std::string_view name,
                                       std::string_view kind, std::string_view argument);

  std::string file_;
  std::filesystem::path directory_;
  std::vector<Error> problems_;
};

template <class T>
struct Key {
  std::string_view name;
  std::string_view type;
  Presence presence;
  std::string_view standard;
  std::string_view meaning;
  void (*read)(Reader&, const YAML::Node&, T&);
  // Of a section or a list of sections: adds the lines of its members, whose paths begin with
  // `prefix`.
  void (*describe)(std::vector<KeyText>& out, const std::string& prefix) = nullptr;
};

template <class T>
using Table = std::span<const Key<T>>;

// Keys are read in the table's order, whatever the file's, so that a later key may look at an
// earlier one's result.
template <class T>
void read_section(Reader& reader, const YAML::Node& node, std::string_view name, Table<T> table,
                  T& out) {
  if (!reader.is_map(node, name)) return;
  std::vector<std::string_view> known;
  for (const Key<T>& key : table) known.push_back(key.name);
  std::vector<std::string> seen;
  for (const auto& member : node) {
    const std::string word = member.first.IsScalar() ? member.first.Scalar() : "";
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      reader.unknown_key(member.first, known);
    } else if (std::find(seen.begin(), seen.end(), word) != seen.end()) {
      reader.problem(member.first.Mark(), "\"" + word + "\" is set twice",
                     "only one of the two could hold", "remove one of them");
    } else {
      seen.push_back(word);
    }
  }
  for (const Key<T>& key : table) {
    const YAML::Node value = node[std::string(key.name)];
    if (value.IsDefined() && !value.IsNull()) {
      key.read(reader, value, out);
    } else if (key.presence == Presence::required) {
      reader.problem(node.Mark(), "\"" + std::string(key.name) + "\" is missing",
                     std::string(key.meaning),
                     "add \"" + std::string(key.name) + ": <" + std::string(key.type) + ">\"");
    }
  }
}

// A list of sections; `blank` is what each begins as.
template <class T>
void read_list(Reader& reader, const YAML::Node& node, std::string_view name, Table<T> table,
               const T& blank, std::vector<T>& out) {
  if (!reader.is_list(node, name)) return;
  for (const YAML::Node& item : node) {
    out.push_back(blank);
    read_section(reader, item, name, table, out.back());
  }
}

template <class T>
void describe_keys(Table<T> table, const std::string& prefix, std::vector<KeyText>& out) {
  for (const Key<T>& key : table) {
    const std::string path = prefix + std::string(key.name);
    out.push_back({path, std::string(key.type),
                   key.presence == Presence::required ? "required" : std::string(key.standard),
                   std::string(key.meaning)});
    if (key.describe) key.describe(out, path);
  }
}

}  // namespace tidegate::config
