#include "aws/door_errors.hpp"

#include "aws/errors.hpp"
#include "base/json.hpp"

namespace tidegate::aws {
namespace {

struct Row {
  int anthropic_status;
  std::string_view anthropic_type;
  int openai_status;
  std::string_view openai_type;
  std::string_view openai_code;  // "" is null
};

constexpr std::string_view invalid = "invalid_request_error", server = "server_error";
constexpr Row bad_request = {400, invalid, 400, invalid, ""};
constexpr Row unauthenticated = {401, "authentication_error", 401, invalid, "invalid_api_key"};
constexpr Row forbidden = {403, "permission_error", 403, invalid, "access_denied"};
constexpr Row no_such_model = {404, "not_found_error", 404, invalid, "model_not_found"};
constexpr Row not_found = {404, "not_found_error", 404, invalid, "not_found"};
constexpr Row too_large = {413, "request_too_large", 413, invalid, "request_too_large"};
constexpr Row throttled = {429, "rate_limit_error", 429, "rate_limit_error", "rate_limit_exceeded"};
constexpr Row overloaded = {529, "overloaded_error", 503, server, "overloaded"};
constexpr Row unavailable = {529, "overloaded_error", 503, server, "service_unavailable"};
constexpr Row timed_out = {504, "timeout_error", 504, server, "timeout"};
constexpr Row failed = {500, "api_error", 500, server, ""};

// The codes that these APIs tell apart from their neighbours; the rest goes by AWS's status, so
// that a new code has an answer at every door.
Row door_row(ErrorCode code) {
  switch (code) {
    case ErrorCode::missing_authentication:
    case ErrorCode::incomplete_signature:
    case ErrorCode::invalid_signature:
    case ErrorCode::unrecognized_client:
    case ErrorCode::expired_token:
    case ErrorCode::invalid_api_key:
      return unauthenticated;
    case ErrorCode::invalid_model_identifier:
      return no_such_model;
    case ErrorCode::request_timeout:
    case ErrorCode::model_timeout:
      return timed_out;
    case ErrorCode::capacity:
    case ErrorCode::overloaded:
    case ErrorCode::peer_capacity:
    case ErrorCode::model_not_ready:
      return overloaded;
    default:
      break;
  }
  const int status = row_of(code).status;
  switch (status) {
    case 403:
      return forbidden;
    case 404:
      return not_found;
    case 413:
      return too_large;
    case 429:
      return throttled;
    case 503:
      return unavailable;
    case 424:
      return failed;
    default:
      return status < 500 ? bad_request : failed;
  }
}

// "<code> <param>" of what a reader refused, and nothing else that `why` may hold.
struct Blame {
  std::string_view code, param;
};
Blame blame_of(const Error& error) {
  if (error.code != ErrorCode::validation || error.origin != Origin::client) return {};
  const std::string_view why = error.why;
  const auto space = why.find(' ');
  if (space == std::string_view::npos || why.find(' ', space + 1) != std::string_view::npos) {
    return {};
  }
  return {why.substr(0, space), why.substr(space + 1)};
}

void append_or_null(std::string& out, std::string_view before, std::string_view text) {
  out += before;
  if (text.empty()) {
    out += "null";
  } else {
    json::append_quoted(out, text);
  }
}

}  // namespace

Error in_words_of(Protocol door, Error error, std::string_view model) {
  const bool openai = door == Protocol::openai;
  if (!openai && door != Protocol::anthropic) return error;
  switch (error.code) {
    case ErrorCode::missing_authentication:
      error.message = openai ? "You didn't provide an API key. You need to provide your API key in "
                               "an Authorization header using Bearer auth (i.e. Authorization: "
                               "Bearer YOUR_KEY)."
                             : "x-api-key header is required";
      break;
    case ErrorCode::invalid_api_key:
      error.message = openai ? "Incorrect API key provided." : "invalid x-api-key";
      break;
    case ErrorCode::invalid_model_identifier:
      error.message = openai ? "The model `" : "model: ";
      error.message += model;
      if (openai) error.message += "` does not exist or you do not have access to it.";
      break;
    default:
      break;
  }
  return error;
}

DoorError anthropic_error(const Error& error, std::string_view request_id) {
  const Row row = door_row(error.code);
  DoorError out{row.anthropic_status, R"({"type":"error","error":{"type":)"};
  json::append_quoted(out.body, row.anthropic_type);
  out.body += R"(,"message":)";
  json::append_quoted(out.body, full_message(error));
  append_or_null(out.body, R"(},"request_id":)", request_id);
  out.body += '}';
  return out;
}

DoorError openai_error(const Error& error) {
  const Row row = door_row(error.code);
  const Blame blame = blame_of(error);
  DoorError out{row.openai_status, R"({"error":{"message":)"};
  json::append_quoted(out.body, full_message(error));
  out.body += R"(,"type":)";
  json::append_quoted(out.body, row.openai_type);
  append_or_null(out.body, R"(,"param":)", blame.param);
  append_or_null(out.body, R"(,"code":)", blame.code.empty() ? row.openai_code : blame.code);
  out.body += "}}";
  return out;
}

void append_anthropic_error(std::string& out, const Error& error, std::string_view request_id) {
  out.append("event: error\ndata: ").append(anthropic_error(error, request_id).body).append("\n\n");
}

void append_openai_error(std::string& out, const Error& error) {
  out.append("event: error\ndata: ").append(openai_error(error).body).append("\n\n");
}

}  // namespace tidegate::aws
