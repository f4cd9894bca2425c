// What each door says of a member that is wrong. Programs match on these sentences and people
// search for them, so they are the door's own, as its clients have always seen them.
#include <fmt/format.h>

#include "chat/field.hpp"

namespace tidegate::chat {
namespace {

using Kind = Problem::Kind;

Error invalid_request(std::string message, const Problem& problem, std::string why = {}) {
  return {.code = ErrorCode::validation,
          .origin = Origin::client,
          .message = std::move(message),
          .mend = problem.mend,
          .why = std::move(why)};
}

// A value can be a prompt put in the wrong place: it is named only where it is short.
std::string shown(const std::string& value) {
  constexpr std::size_t shown_max = 64;
  return value.size() <= shown_max ? value : fmt::format("{} bytes", value.size());
}

std::string_view anthropic_type(JsonType type) {
  switch (type) {
    case JsonType::object:
      return "dictionary";
    case JsonType::array:
      return "list";
    case JsonType::string:
      return "string";
    case JsonType::integer:
      return "integer";
    case JsonType::number:
      return "number";
    case JsonType::boolean:
      return "boolean";
  }
  return "value";
}

std::string_view openai_type(JsonType type) {
  switch (type) {
    case JsonType::object:
      return "an object";
    case JsonType::array:
      return "an array";
    case JsonType::string:
      return "a string";
    case JsonType::integer:
      return "an integer";
    case JsonType::number:
      return "a decimal";
    case JsonType::boolean:
      return "a boolean";
  }
  return "a value";
}

std::string_view schema_type(JsonType type) {
  switch (type) {
    case JsonType::object:
      return "JSONObject";
    case JsonType::array:
      return "JSONArray";
    case JsonType::string:
      return "String";
    case JsonType::integer:
      return "Integer";
    case JsonType::number:
      return "Number";
    case JsonType::boolean:
      return "Boolean";
  }
  return "Object";
}

std::string join(std::string path, std::string_view separator, const std::string& name) {
  if (!path.empty()) path += separator;
  return path += name;
}

std::string anthropic_sentence(const Field& at, const Problem& p) {
  const bool list = at.value().is_array();
  switch (p.kind) {
    case Kind::wrong_type:
      return fmt::format("Input should be a valid {}", anthropic_type(p.wanted));
    case Kind::missing:
      return "Field required";
    case Kind::unknown:
      return "Extra inputs are not permitted";
    case Kind::not_one_of:
      return fmt::format("Input should be {}", p.detail);
    case Kind::below:
      return fmt::format("Input should be greater than or equal to {}", p.bound);
    case Kind::above:
      return fmt::format("Input should be less than or equal to {}", p.bound);
    case Kind::too_short:
    case Kind::too_long: {
      const std::string_view size = p.kind == Kind::too_short ? "least" : "most";
      const std::string_view plural = p.bound == "1" ? "" : "s";
      if (!list)
        return fmt::format("String should have at {} {} character{}", size, p.bound, plural);
      return fmt::format("List should have at {} {} item{} after validation, not {}", size, p.bound,
                         plural, p.got);
    }
    case Kind::pattern:
      return fmt::format("String should match pattern '{}'", p.detail);
    case Kind::other:
      break;
  }
  return p.detail;
}

struct OpenAiSentence {
  std::string_view code;
  std::string text;
};

OpenAiSentence openai_bound(const Field& at, const Problem& p, const std::string& path) {
  const bool decimal = at.value().is_double();
  const std::string_view kind = decimal ? "decimal" : "integer";
  if (p.kind == Kind::below) {
    return {decimal ? "decimal_below_min_value" : "integer_below_min_value",
            fmt::format("Invalid '{}': {} below minimum value. Expected a value >= {}, but got {} "
                        "instead.",
                        path, kind, p.bound, p.got)};
  }
  return {decimal ? "decimal_above_max_value" : "integer_above_max_value",
          fmt::format("Invalid '{}': {} above maximum value. Expected a value <= {}, but got {} "
                      "instead.",
                      path, kind, p.bound, p.got)};
}

OpenAiSentence openai_length(const Field& at, const Problem& p, const std::string& path) {
  const bool list = at.value().is_array();
  const std::string_view what = list ? "array" : "string";
  const std::string_view article = list ? "an array" : "a string";
  if (p.kind == Kind::too_short) {
    return {list ? "empty_array" : "empty_string",
            fmt::format("Invalid '{0}': empty {1}. Expected {2} with minimum length {3}, but got "
                        "an empty {1} instead.",
                        path, what, article, p.bound)};
  }
  return {list ? "array_above_max_length" : "string_above_max_length",
          fmt::format("Invalid '{0}': {1} too long. Expected {2} with maximum length {3}, but got "
                      "{2} with length {4} instead.",
                      path, what, article, p.bound, p.got)};
}

OpenAiSentence openai_sentence(const Field& at, const Problem& p, const std::string& path) {
  switch (p.kind) {
    case Kind::wrong_type:
      return {"invalid_type",
              fmt::format("Invalid type for '{}': expected {}, but got {} instead.", path,
                          openai_type(p.wanted), openai_type(type_of(at.value())))};
    case Kind::missing:
      return {"missing_required_parameter", fmt::format("Missing required parameter: '{}'.", path)};
    case Kind::unknown:
      return {"unknown_parameter", fmt::format("Unknown parameter: '{}'.", path)};
    case Kind::not_one_of:
      return {"invalid_value", fmt::format("Invalid value: '{}'. Supported values are: {}.",
                                           shown(p.got), p.detail)};
    case Kind::below:
    case Kind::above:
      return openai_bound(at, p, path);
    case Kind::too_short:
    case Kind::too_long:
      return openai_length(at, p, path);
    case Kind::pattern:
      return {"invalid_value",
              fmt::format("Invalid '{}': string does not match pattern. Expected a string that "
                          "matches the pattern '{}'.",
                          path, p.detail)};
    case Kind::other:
      break;
  }
  return {"invalid_value", p.detail};
}

std::string schema_sentence(const Field& at, const Problem& p) {
  const bool list = at.value().is_array();
  switch (p.kind) {
    case Kind::wrong_type:
      return fmt::format("expected type: {}, found: {}", schema_type(p.wanted),
                         schema_type(type_of(at.value())));
    case Kind::missing:
      return fmt::format("required key [{}] not found", p.detail);
    case Kind::unknown:
      return fmt::format("extraneous key [{}] is not permitted", shown(p.detail));
    case Kind::not_one_of:
      return fmt::format("{} is not a valid enum value", shown(p.got));
    case Kind::below:
      return fmt::format("{} is not greater or equal to {}", p.got, p.bound);
    case Kind::above:
      return fmt::format("{} is not less or equal to {}", p.got, p.bound);
    case Kind::too_short:
      return fmt::format("expected {}: {}, {}: {}", list ? "minimum item count" : "minLength",
                         p.bound, list ? "found" : "actual", p.got);
    case Kind::too_long:
      return fmt::format("expected {}: {}, {}: {}", list ? "maximum item count" : "maxLength",
                         p.bound, list ? "found" : "actual", p.got);
    case Kind::pattern:
      return fmt::format("string does not match pattern {}", p.detail);
    case Kind::other:
      break;
  }
  return p.detail;
}

// Where the member at fault is one that this object lacks or should not have.
bool names_member(const Problem& p) {
  return p.kind == Kind::missing || p.kind == Kind::unknown;
}

}  // namespace

Error anthropic_words(const Field& at, const Problem& problem) {
  std::string path = at.path(Field::Style::dots);
  if (names_member(problem)) path = join(std::move(path), ".", shown(problem.detail));
  const std::string sentence = anthropic_sentence(at, problem);
  return invalid_request(path.empty() ? sentence : fmt::format("{}: {}", path, sentence), problem);
}

Error openai_words(const Field& at, const Problem& problem) {
  std::string path = at.path(Field::Style::brackets);
  if (names_member(problem)) path = join(std::move(path), ".", shown(problem.detail));
  OpenAiSentence sentence = openai_sentence(at, problem, path);
  return invalid_request(std::move(sentence.text), problem,
                         fmt::format("{} {}", sentence.code, path));
}

Error schema_words(const Field& at, const Problem& problem) {
  return invalid_request(
      fmt::format("Malformed input request: {}: {}, please reformat your input and try again.",
                  at.path(Field::Style::pointer), schema_sentence(at, problem)),
      problem);
}

}  // namespace tidegate::chat
