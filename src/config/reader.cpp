#include "config/reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdlib>
#include <fstream>

#include "base/limits.hpp"

namespace tidegate::config {
namespace {

std::string_view kind_of(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map:
      return "a map";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return "a single value";
    case YAML::NodeType::Null:
      return "nothing";
    case YAML::NodeType::Undefined:
      return "nothing";
  }
  return "nothing";
}

}  // namespace

void Reader::problem_in(const std::string& file, int line, int column, std::string what,
                        std::string why, std::string mend) {
  if (problems_.size() >= limits::configuration_problems_max) return;
  problems_.push_back({.code = ErrorCode::configuration,
                       .message = fmt::format("{}:{}:{}: {}", file, line, column, what),
                       .mend = std::move(mend),
                       .why = std::move(why)});
}

void Reader::problem(const YAML::Mark& mark, std::string what, std::string why, std::string mend) {
  // yaml-cpp counts from 0, and says -1 where it does not know.
  problem_in(file_, std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1, std::move(what),
             std::move(why), std::move(mend));
}

YAML::Node Reader::parse(const std::string& text) {
  try {
    auto documents = YAML::LoadAll(text);
    if (documents.size() == 1 && !documents[0].IsNull()) return documents[0];
    problem_in(file_, 1, 1,
               documents.size() > 1 ? "there is more than one YAML document in this file"
                                    : "the file is empty",
               "a file holds exactly one document",
               documents.size() > 1 ? "remove the \"---\" between them" : "write its keys");
  } catch (const YAML::Exception& error) {
    problem(error.mark, "this is not YAML", error.msg,
            "check the indentation, the colons and the quotes of this line");
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

std::optional<std::string> Reader::text(const YAML::Node& node, std::string_view name) {
  if (!node.IsScalar()) {
    problem(node.Mark(), fmt::format("\"{}\" is {}", name, kind_of(node)), "it must be one value",
            "write one value after the colon");
    return std::nullopt;
  }
  return substitute(node, name, node.Scalar());
}

std::optional<std::string> Reader::substitute(const YAML::Node& node, std::string_view name,
                                              const std::string& raw) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const auto open = raw.find("${", at);
    out.append(raw, at, open == std::string::npos ? std::string::npos : open - at);
    if (open == std::string::npos) return out;
    const auto close = raw.find('}', open);
    const auto colon = raw.find(':', open);
    if (close == std::string::npos || colon == std::string::npos || colon > close) {
      problem(node.Mark(), fmt::format("\"{}\" has a \"${{\" that is not a reference", name),
              "a reference has a kind and a name", "write ${env:NAME} or ${file:PATH}");
      return std::nullopt;
    }
    const auto value =
        reference(node, name, std::string_view(raw).substr(open + 2, colon - open - 2),
                  std::string_view(raw).substr(colon + 1, close - colon - 1));
    if (!value) return std::nullopt;
    out += *value;
    at = close + 1;
  }
}

std::optional<std::string> Reader::reference(const YAML::Node& node, std::string_view name,
                                             std::string_view kind, std::string_view argument) {
  if (kind == "env") {
    if (const char* value = std::getenv(std::string(argument).c_str())) return value;
    problem(node.Mark(),
            fmt::format("\"{}\" refers to an environment variable that is not set", name),
            fmt::format("{} is not in the environment of this process", argument),
            fmt::format("export {}=...", argument));
    return std::nullopt;
  }
  if (kind == "file") {
    const auto file = resolve(std::filesystem::path(argument));
    std::ifstream stream(file, std::ios::binary);
    std::string value(limits::configuration_reference_bytes_max + 1, '\0');
    stream.read(value.data(), static_cast<std::streamsize>(value.size()));
    value.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
    if (!stream.is_open() || stream.bad() || std::filesystem::is_directory(file)) {
      problem(node.Mark(), fmt::format("\"{}\" refers to a file that cannot be read", name),
              file.string(),
              "create it, or correct the path (relative paths begin at this file's folder)");
      return std::nullopt;
    }
    if (value.size() > limits::configuration_reference_bytes_max) {
      problem(node.Mark(), fmt::format("\"{}\" refers to a file that is too large", name),
              fmt::format("{} has more than {} bytes", file.string(),
                          limits::configuration_reference_bytes_max),
              "refer to the right file");
      return std::nullopt;
    }
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
    return value;
  }
  static constexpr std::array<std::string_view, 2> kinds{"env", "file"};
  problem(node.Mark(), fmt::format("\"{}\" has a reference of the unknown kind \"{}\"", name, kind),
          "only env and file are known", did_you_mean(kind, kinds));
  return std::nullopt;
}

std::optional<std::int64_t> Reader::integer(const YAML::Node& node, std::string_view name,
                                            std::int64_t min, std::int64_t max) {
  const auto word = text(node, name);
  if (!word) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), value);
  if (error == std::errc::invalid_argument || end != word->data() + word->size()) {
    problem(node.Mark(), fmt::format("\"{}\" is \"{}\"", name, *word), "it must be an integer",
            fmt::format("write an integer from {} to {}", min, max));
    return std::nullopt;
  }
  if (error == std::errc::result_out_of_range || value < min || value > max) {
    problem(node.Mark(), fmt::format("\"{}\" is {}", name, *word),
            fmt::format("it must be from {} to {}", min, max),
            fmt::format("write an integer from {} to {}", min, max));
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> Reader::path(const YAML::Node& node, std::string_view name) {
  const auto word = text(node, name);
  if (!word) return std::nullopt;
  if (word->empty()) {
    problem(node.Mark(), fmt::format("\"{}\" is empty", name), "it must be a path",
            "write a path; relative ones begin at this file's folder");
    return std::nullopt;
  }
  return resolve(*word).string();
}

std::optional<std::size_t> Reader::choice(const YAML::Node& node, std::string_view name,
                                          std::span<const std::string_view> choices) {
  const auto word = text(node, name);
  if (!word) return std::nullopt;
  const auto found = std::find(choices.begin(), choices.end(), *word);
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  problem(node.Mark(), fmt::format("\"{}\" is \"{}\"", name, *word),
          fmt::format("it must be one of: {}", fmt::join(choices, ", ")),
          did_you_mean(*word, choices));
  return std::nullopt;
}

std::filesystem::path Reader::resolve(const std::filesystem::path& path) const {
  const auto normal = (directory_ / path).lexically_normal();
  return normal.has_filename() || !normal.has_relative_path() ? normal : normal.parent_path();
}

bool Reader::is_map(const YAML::Node& node, std::string_view name) {
  if (node.IsMap()) return true;
  problem(node.Mark(), fmt::format("\"{}\" is {}", name, kind_of(node)),
          "it must be a map of keys and values", "write \"key: value\" lines below it, indented");
  return false;
}

bool Reader::is_list(const YAML::Node& node, std::string_view name) {
  if (node.IsSequence()) return true;
  problem(node.Mark(), fmt::format("\"{}\" is {}", name, kind_of(node)), "it must be a list",
          "write \"- \" before each of its items");
  return false;
}

void Reader::unknown_key(const YAML::Node& key, std::span<const std::string_view> known) {
  const std::string word = key.IsScalar() ? key.Scalar() : std::string(kind_of(key));
  problem(key.Mark(), fmt::format("\"{}\" is not a key here", word),
          "an unknown key would be ignored in silence, so it is refused",
          did_you_mean(word, known));
}

}  // namespace tidegate::config
