// Reading a Converse body member by member. A Member knows where it stands, so that an error can
// name the place in both of AWS's spellings: "messages.0.content.1" in Bedrock's own sentences,
// "messages.1.member.content.2.member" in those of the framework below it. Places are linked on the
// stack; a body without errors pays nothing for them.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"

namespace tidegate::chat {

class Member {
 public:
  explicit Member(const json::value& root) : value_(&root) {}
  Member(const json::value& value, const Member& parent, std::string_view name)
      : value_(&value), parent_(&parent), name_(name) {}
  Member(const json::value& value, const Member& parent, std::size_t index)
      : value_(&value), parent_(&parent), index_(index) {}

  const json::value& value() const { return *value_; }
  std::string_view name() const { return name_; }
  std::string path() const;            // "messages.0.content.1"
  std::string framework_path() const;  // "messages.1.member.content.2.member"

  // The typed value. Errors: malformed_json, with the words of AWS's deserializer and the place.
  Result<const json::object*> object() const;
  Result<const json::array*> array() const;
  Result<std::string_view> string() const;
  Result<std::int64_t> integer() const;
  Result<double> number() const;
  Result<bool> boolean() const;

  // A child of an object; null and absent alike. The caller has checked that this is an object.
  std::optional<Member> child(std::string_view name) const;
  // The same where there must be one. Errors: validation.
  Result<Member> required(std::string_view name) const;

  // Exactly one of `keys` must be there, and nothing else: AWS's unions. `shape` is AWS's name,
  // "ContentBlock".
  Result<Member> only_one_of(std::string_view shape, std::span<const std::string_view> keys) const;

  // Constraints of the service model, each with its sentence. Errors: validation.
  Result<std::string_view> string_of_length(std::size_t min, std::size_t max) const;
  Result<std::string_view> one_of(std::initializer_list<std::string_view> values) const;
  Result<void> range(double value, double min, double max) const;
  Result<void> matches(std::string_view text, std::string_view pattern,
                       bool (*allowed)(char)) const;

  // "1 validation error detected: Value '..' at '..' failed to satisfy constraint: ..."
  std::unexpected<Error> violates(std::string_view value, std::string_view constraint) const;
  // "This model doesn't support the <path> field. Remove <path> and try again." and our reason.
  std::unexpected<Error> not_supported(std::string mend = {}) const;

 private:
  std::unexpected<Error> wrong_type(std::string_view wanted) const;
  const json::value* value_;
  const Member* parent_ = nullptr;
  std::string_view name_;
  std::size_t index_ = 0;
};

// A ValidationException of the client's making.
std::unexpected<Error> invalid(std::string message, std::string mend = {});

bool is_blank(std::string_view text);

}  // namespace tidegate::chat
