// Reading a request body member by member, for every door but Converse. A Field knows where it
// stands and says what is wrong in the words of its door: the same reader refuses as Anthropic,
// OpenAI or a Bedrock model family would. Places are linked on the stack; a body without errors
// pays nothing for them.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"
#include "chat/converse.hpp"

namespace tidegate::chat {

class Field;

enum class JsonType : std::uint8_t { object, array, string, integer, number, boolean };
JsonType type_of(const json::value& value);  // null counts as an object: Field skips nulls

struct Problem {
  enum class Kind : std::uint8_t {
    wrong_type,  // `wanted`
    missing,     // the member `detail` of this object
    unknown,     // the member `detail` of this object
    not_one_of,  // `detail`: the values; `got`
    below,       // `bound`, `got`
    above,
    too_short,  // `bound`, `got`: characters of a string, items of a list
    too_long,
    pattern,  // `detail`
    other,    // `detail`: the sentence
  } kind;
  JsonType wanted = JsonType::object;
  std::string detail{};
  std::string bound{}, got{};
  std::string mend{};
};
// A validation error, of the client's making.
using Words = Error (*)(const Field& at, const Problem& problem);

// "messages.0.role: Field required"
Error anthropic_words(const Field& at, const Problem& problem);
// "Missing required parameter: 'messages[0].role'."; Error::why is "<code> <param>".
Error openai_words(const Field& at, const Problem& problem);
// "Malformed input request: #/messages/0: required key [role] not found, please reformat your input
// and try again.": the schema check of Amazon's and Cohere's models.
Error schema_words(const Field& at, const Problem& problem);

class Field {
 public:
  Field(const json::value& root, Words words) : value_(&root), words_(words) {}
  Field(const json::value& value, const Field& parent, std::string_view name)
      : value_(&value), parent_(&parent), words_(parent.words_), name_(name) {}
  Field(const json::value& value, const Field& parent, std::size_t index)
      : value_(&value), parent_(&parent), words_(parent.words_), index_(index) {}

  const json::value& value() const { return *value_; }
  enum class Style : std::uint8_t { dots, brackets, pointer };  // a.0.b, a[0].b, #/a/0/b
  std::string path(Style style) const;

  // The typed value. Errors: wrong_type.
  Result<const json::object*> object() const;
  Result<const json::array*> array() const;
  Result<std::string_view> string() const;
  Result<std::int64_t> integer() const;
  Result<double> number() const;
  Result<bool> boolean() const;

  // A child of what is an object, as the caller has checked; null and absent alike.
  std::optional<Field> child(std::string_view name) const;
  Result<Field> required(std::string_view name) const;
  // No member but these.
  Result<void> only(std::initializer_list<std::string_view> names) const;

  Result<std::string_view> one_of(std::initializer_list<std::string_view> values) const;
  Result<std::int64_t> integer_from(std::int64_t min, std::int64_t max = INT64_MAX) const;
  Result<double> number_from(double min, double max) const;
  // Code points.
  Result<std::string_view> string_of_length(std::size_t min, std::size_t max) const;
  Result<const json::array*> array_of_length(std::size_t min, std::size_t max) const;

  std::unexpected<Error> wrong(Problem problem) const { return fail(words_(*this, problem)); }
  std::unexpected<Error> refuse(std::string sentence, std::string mend = {}) const {
    return wrong(
        {.kind = Problem::Kind::other, .detail = std::move(sentence), .mend = std::move(mend)});
  }

 private:
  std::unexpected<Error> wrong_type(JsonType wanted) const;
  std::unexpected<Error> length(std::size_t got, std::size_t min, std::size_t max) const;
  const json::value* value_;
  const Field* parent_ = nullptr;
  Words words_;
  std::string_view name_;
  std::size_t index_ = 0;
};

// Members of the body beyond those that the door knows: let through where the model's configuration
// lists them ("/seed") or passes all. Errors: unknown.
Result<void> take_additional(const Field& root, std::initializer_list<std::string_view> known,
                             const AdditionalFields& fields, json::object& out);

}  // namespace tidegate::chat
