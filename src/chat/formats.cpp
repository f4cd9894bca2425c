// Which format an operation on a model has: one row each.
#include <fmt/format.h>

#include <array>

#include "chat/converse_formats.hpp"

namespace tidegate::chat {
namespace {

struct Row {
  std::string_view operation;
  std::string_view family;  // how the foundation model's id begins
  const Format& (*format)();
};

constexpr auto rows = std::to_array<Row>({
    {"Converse", "", converse_format},
    {"ConverseStream", "", converse_stream_format},
    {"CountTokens", "", count_tokens_format},
});

}  // namespace

Result<const Format*> find_format(std::string_view operation, std::string_view model_id) {
  for (const Row& row : rows) {
    if (row.operation == operation && model_id.starts_with(row.family)) return &row.format();
  }
  if (operation.starts_with("InvokeModel")) {
    return fail(
        Error{.code = ErrorCode::validation,
              .origin = Origin::client,
              .message = fmt::format("{} is not offered for the model {}, whose body format "
                                     "is not known here.",
                                     operation, model_id),
              .mend = "Use Converse or ConverseStream, which serve every model.",
              .why = {}});
  }
  return fail(Error{.code = ErrorCode::operation_not_offered,
                    .origin = Origin::client,
                    .message = fmt::format("The operation {} is not offered.", operation),
                    .mend = {},
                    .why = {}});
}

}  // namespace tidegate::chat
