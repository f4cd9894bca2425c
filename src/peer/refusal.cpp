#include "peer/refusal.hpp"

#include <optional>

#include "aws/errors.hpp"
#include "base/json.hpp"

namespace tidegate::peer {
namespace {

std::optional<ErrorCode> code_named(std::string_view name) {
  for (int i = 0; i < static_cast<int>(ErrorCode::count_); ++i) {
    if (name_of(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

Retry retry_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::capacity:
    case ErrorCode::overloaded:
    case ErrorCode::draining:
    case ErrorCode::peer_capacity:
    case ErrorCode::peer_unavailable:
    case ErrorCode::operation_not_offered:  // an older version there
    case ErrorCode::model_unavailable:
    case ErrorCode::model_not_ready:
    case ErrorCode::model_timeout:
    case ErrorCode::internal:
      return Retry::other_region;
    default:
      return Retry::never;
  }
}

}  // namespace

bool is_outcome(std::string_view name) {
  return name == "success" || code_named(name).has_value();
}

Error peer_error(std::string_view name, std::string_view message, std::string_view mend,
                 std::string_view why) {
  auto code = code_named(name);
  Error error{.code = code.value_or(ErrorCode::peer_unavailable),
              .origin = Origin::peer,
              .message = std::string(message),
              .mend = std::string(mend),
              .why = std::string(why)};
  if (!code) error.why = "an error that this version does not know: " + std::string(name);
  // It gave up on its side; our client is still there.
  if (error.code == ErrorCode::cancelled) error.code = ErrorCode::peer_unavailable;
  error.retry = retry_of(error.code);
  return error;
}

Error read_refusal(std::string_view name, std::string_view why, std::string_view body) {
  std::string message;
  if (const auto document = json::parse(body); document && document->is_object()) {
    message = json::find_string(document->get_object(), "message").value_or("");
  }
  Error error = peer_error(name, message, "", why);
  // The table's mend is added again when the client is answered.
  const std::string_view mend = aws::row_of(error.code).mend;
  if (!mend.empty() && error.message.ends_with(mend)) {
    error.message.resize(error.message.size() - mend.size());
    while (error.message.ends_with(' ')) error.message.pop_back();
  }
  return error;
}

}  // namespace tidegate::peer
