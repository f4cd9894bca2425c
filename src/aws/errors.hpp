// How our errors look on AWS's wire: one table, and the bodies of the three protocols that the
// services speak.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/message.hpp"

namespace tidegate::aws {

// restJson1 (Bedrock), awsJson1_1 (CloudTrail), awsQuery (STS), and the doors of other APIs
// (door_errors.hpp).
enum class Protocol : std::uint8_t { rest_json, json_1_1, query, anthropic, openai };

struct ErrorRow {
  ErrorCode code;
  std::string_view tidegate_code;  // "TG-1001", stable; header x-tidegate-error
  int status;                      // HTTP status
  std::string_view type;           // "ValidationException": x-amzn-errortype and __type
  std::string_view query_code;     // "SignatureDoesNotMatch": what awsQuery (STS) calls it
  std::string_view
      stream_member;      // "validationException": the :exception-type inside an event stream
  std::string_view mend;  // default second sentence where the Error has none of its own
};

const ErrorRow& row_of(ErrorCode code);

struct ErrorAnswer {
  http::ResponseHead head;  // status, content type, content-length, x-amzn-requestid,
                            // x-amzn-errortype, retry hints
  std::string body;
};

// A door has its API's status and request id header, and no x-amzn-errortype. `retry_after` is sent
// as Retry-After (whole seconds, at least 1) and x-amz-retry-after (ms) on 429, 503 and 529.
ErrorAnswer error_answer(const Error& error, Protocol protocol, std::string_view request_id,
                         std::chrono::milliseconds retry_after);

// AWS's sentence and ours: "<message> <mend>".
std::string full_message(const Error& error);

}  // namespace tidegate::aws
