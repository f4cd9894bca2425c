#include "aws/errors.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "aws/door_errors.hpp"
#include "base/json.hpp"

namespace tidegate::aws {
namespace {

using enum ErrorCode;

// TG-1xxx the request, TG-2xxx the caller and what it named, TG-3xxx capacity and quota, TG-4xxx
// the model, TG-5xxx other Regions, TG-9xxx ourselves. A code, once given, is never reused. An
// event stream may only carry the members that its shape has (ConverseStream has five), so
// stream_member names the nearest of those.
constexpr std::string_view in_validation = "validationException";
constexpr std::string_view in_throttling = "throttlingException";
constexpr std::string_view in_unavailable = "serviceUnavailableException";
constexpr std::string_view in_model = "modelStreamErrorException";
constexpr std::string_view in_internal = "internalServerException";

constexpr ErrorRow table[] = {
    {validation, "TG-1001", 400, "ValidationException", "ValidationError", in_validation,
     "Correct the request and send it again."},
    {malformed_json, "TG-1002", 400, "SerializationException", "MalformedInput", in_validation,
     "Send one JSON document in UTF-8, without duplicate members."},
    {unknown_operation, "TG-1003", 404, "UnknownOperationException", "InvalidAction", in_validation,
     "Check the method and the path, and percent-encode the model id."},
    {operation_not_offered, "TG-1004", 400, "ValidationException", "InvalidAction", in_validation,
     "Use an operation that tidegate offers, or call AWS for this one."},
    {body_too_large, "TG-1005", 413, "RequestEntityTooLargeException", "RequestEntityTooLarge",
     in_validation, "Send a body of at most 25,000,000 bytes."},
    {request_timeout, "TG-1006", 408, "RequestTimeoutException", "RequestExpired", in_unavailable,
     "Send the whole request without long pauses."},
    {headers_too_large, "TG-1007", 431, "ValidationException", "ValidationError", in_validation,
     "Send at most 100 headers and 32 KiB of them."},
    {malformed_http, "TG-1008", 400, "ValidationException", "ValidationError", in_validation,
     "Send HTTP/1.1, or HTTP/2 with prior knowledge, as an AWS SDK does."},

    {missing_authentication, "TG-2001", 403, "MissingAuthenticationTokenException",
     "MissingAuthenticationToken", in_validation,
     "Sign the request with an access key (Signature Version 4), or send an API key."},
    {incomplete_signature, "TG-2002", 403, "IncompleteSignatureException", "IncompleteSignature",
     in_validation, "Let an AWS SDK sign the request."},
    {invalid_signature, "TG-2003", 403, "InvalidSignatureException", "SignatureDoesNotMatch",
     in_validation, "Check the secret access key, the Region and the clock of the client."},
    {unrecognized_client, "TG-2004", 403, "UnrecognizedClientException", "InvalidClientTokenId",
     in_validation, "Use an access key that the operator of this gateway has created."},
    {expired_token, "TG-2005", 403, "ExpiredTokenException", "ExpiredTokenException", in_validation,
     "Get new credentials."},
    {invalid_api_key, "TG-2007", 403, "AccessDeniedException", "AccessDenied", in_validation,
     "Use an API key that `tidegate keys create` has made and `tidegate keys list` shows as "
     "active."},
    {access_denied, "TG-2006", 403, "AccessDeniedException", "AccessDenied", in_validation,
     "Ask the operator of this gateway for a policy that allows it."},
    {invalid_model_identifier, "TG-2101", 400, "ValidationException", "ValidationError",
     in_validation, "List what can be called from this Region with ListInferenceProfiles."},
    {on_demand_not_supported, "TG-2102", 400, "ValidationException", "ValidationError",
     in_validation, "Find the inference profiles of this model with ListInferenceProfiles."},
    {resource_not_found, "TG-2103", 404, "ResourceNotFoundException", "NoSuchEntity", in_validation,
     "Check the identifier and the Region."},
    {conflict, "TG-2104", 400, "ConflictException", "EntityAlreadyExists", in_validation,
     "Choose another identifier, or look at the resource that has this one."},
    {too_many_tags, "TG-2105", 400, "TooManyTagsException", "LimitExceeded", in_validation,
     "Remove tags with UntagResource first."},

    {throttled, "TG-3001", 429, "ThrottlingException", "Throttling", in_throttling,
     "Wait as long as Retry-After says, or ask the operator for a larger quota."},
    {too_many_resources, "TG-3005", 400, "ServiceQuotaExceededException", "LimitExceeded",
     in_throttling, "Delete resources that are no longer used."},
    {capacity, "TG-3002", 503, "ServiceUnavailableException", "ServiceUnavailable", in_unavailable,
     "Wait as long as Retry-After says: every Region of the profile's row is full."},
    {regions_withdrawn, "TG-3006", 503, "ServiceUnavailableException", "ServiceUnavailable",
     in_unavailable,
     "Use another inference profile, or wait: every Region of the profile's row that could run it "
     "is drained, cordoned or excluded by an operator."},
    {overloaded, "TG-3003", 503, "ServiceUnavailableException", "ServiceUnavailable",
     in_unavailable, "Wait as long as Retry-After says: this gateway is at one of its limits."},
    {draining, "TG-3004", 503, "ServiceUnavailableException", "ServiceUnavailable", in_unavailable,
     "Send the request again on a new connection: this gateway is shutting down."},

    {model_error, "TG-4001", 424, "ModelErrorException", "InternalFailure", in_model,
     "Look at the model server's own log for this request id."},
    {model_timeout, "TG-4002", 408, "ModelTimeoutException", "InternalFailure", in_model,
     "Ask for fewer tokens, or stream the answer."},
    {model_not_ready, "TG-4003", 429, "ModelNotReadyException", "Throttling", in_unavailable,
     "Wait until the model server has loaded its model."},
    {model_stream_error, "TG-4004", 424, "ModelStreamErrorException", "InternalFailure", in_model,
     "Send the request again: the answer was cut off."},
    {model_unavailable, "TG-4005", 503, "ServiceUnavailableException", "ServiceUnavailable",
     in_unavailable, "Wait as long as Retry-After says: the model server cannot be reached."},

    {peer_unavailable, "TG-5001", 503, "ServiceUnavailableException", "ServiceUnavailable",
     in_unavailable, "Wait as long as Retry-After says: the link to that Region is down."},
    {peer_capacity, "TG-5002", 503, "ServiceUnavailableException", "ServiceUnavailable",
     in_unavailable, "Wait as long as Retry-After says: that Region has no room."},
    {fence_refused, "TG-5003", 403, "AccessDeniedException", "AccessDenied", in_validation,
     "Compare the catalogues of both Regions: the destination's row does not allow this request."},

    {audit_unavailable, "TG-9001", 503, "ServiceUnavailableException", "ServiceUnavailable",
     in_unavailable, "Make room on the disk of the audit log: what cannot be recorded is not run."},
    {store_unavailable, "TG-9002", 503, "ServiceUnavailableException", "ServiceUnavailable",
     in_unavailable, "Check the disk and the permissions of the gateway's state directory."},
    {configuration, "TG-9003", 500, "InternalServerException", "InternalFailure", in_internal,
     "Correct the configuration and run `tidegate check`."},
    {cancelled, "TG-9004", 499, "InternalServerException", "InternalFailure", in_internal,
     "The client closed the connection before the answer."},
    {internal, "TG-9005", 500, "InternalServerException", "InternalFailure", in_internal,
     "Send the request again, and tell the operator its request id if it fails again."},

    {invalid_lookup_attributes, "TG-1101", 400, "InvalidLookupAttributesException",
     "ValidationError", in_validation,
     "Send one attribute: EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, "
     "EventSource or AccessKeyId."},
    {invalid_time_range, "TG-1102", 400, "InvalidTimeRangeException", "ValidationError",
     in_validation, "Send a StartTime that is not after EndTime."},
    {invalid_max_results, "TG-1103", 400, "InvalidMaxResultsException", "ValidationError",
     in_validation, "Send a MaxResults from 1 to 50."},
    {invalid_next_token, "TG-1104", 400, "InvalidNextTokenException", "ValidationError",
     in_validation, "Send the NextToken of the last page with the same other members."},
};

constexpr bool complete_and_in_order() {
  if (std::size(table) != static_cast<std::size_t>(count_)) return false;
  for (std::size_t i = 0; i < std::size(table); ++i) {
    if (static_cast<std::size_t>(table[i].code) != i) return false;
  }
  return true;
}
static_assert(complete_and_in_order(), "one row for every ErrorCode, in its order");

// Characters that XML 1.0 cannot hold at all become U+FFFD.
void append_xml(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
      case '\t':
        out += c;
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\xef\xbf\xbd";
        } else {
          out += c;
        }
    }
  }
}

std::string json_body(const Error& error, const ErrorRow& row, Protocol protocol) {
  std::string body = "{";
  if (protocol == Protocol::json_1_1) {
    body += "\"__type\":";
    json::append_quoted(body, row.type);
    body += ',';
  }
  // What stands in front of AWS's services and checks API keys spells it with a capital.
  body += row.code == invalid_api_key ? "\"Message\":" : "\"message\":";
  json::append_quoted(body, full_message(error));
  const bool of_model = row.code == model_error || row.code == model_stream_error;
  if (protocol == Protocol::rest_json && of_model && error.upstream_status != 0) {
    body += ",\"originalStatusCode\":" + std::to_string(error.upstream_status);
  }
  body += '}';
  return body;
}

std::string query_body(const Error& error, const ErrorRow& row, std::string_view request_id) {
  std::string body =
      "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>";
  body += row.status < 500 ? "Sender" : "Receiver";
  body += "</Type>\n    <Code>";
  body += row.query_code;
  body += "</Code>\n    <Message>";
  append_xml(body, full_message(error));
  body += "</Message>\n  </Error>\n  <RequestId>";
  append_xml(body, request_id);
  body += "</RequestId>\n</ErrorResponse>\n";
  return body;
}

constexpr std::string_view content_type(Protocol protocol) {
  switch (protocol) {
    case Protocol::json_1_1:
      return "application/x-amz-json-1.1";
    case Protocol::query:
      return "text/xml";
    case Protocol::rest_json:
    case Protocol::anthropic:
    case Protocol::openai:
      break;
  }
  return "application/json";
}

}  // namespace

const ErrorRow& row_of(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  return table[index < std::size(table) ? index : static_cast<std::size_t>(internal)];
}

std::string full_message(const Error& error) {
  const std::string_view mend =
      error.mend.empty() ? row_of(error.code).mend : std::string_view(error.mend);
  std::string out;
  out.reserve(error.message.size() + 1 + mend.size());
  out += error.message;
  if (!out.empty() && out.back() != '\n' && out.back() != ' ') {
    if (out.back() != '.' && out.back() != '!' && out.back() != '?') out += '.';
    out += ' ';
  }
  out += mend;
  return out;
}

namespace {

bool is_door(Protocol protocol) {
  return protocol == Protocol::anthropic || protocol == Protocol::openai;
}

DoorError told(const Error& error, Protocol protocol, std::string_view request_id) {
  if (protocol == Protocol::anthropic) return anthropic_error(error, request_id);
  if (protocol == Protocol::openai) return openai_error(error);
  const ErrorRow& row = row_of(error.code);
  return {row.status, protocol == Protocol::query ? query_body(error, row, request_id)
                                                  : json_body(error, row, protocol)};
}

}  // namespace

ErrorAnswer error_answer(const Error& error, Protocol protocol, std::string_view request_id,
                         std::chrono::milliseconds retry_after) {
  const ErrorRow& row = row_of(error.code);
  DoorError said = told(error, protocol, request_id);
  ErrorAnswer answer{.head = {.status = said.status, .headers = {}}, .body = std::move(said.body)};
  auto& headers = answer.head.headers;
  headers.add("content-type", content_type(protocol));
  headers.add("content-length", std::to_string(answer.body.size()));
  headers.add("x-amzn-requestid", request_id);
  if (is_door(protocol)) {
    headers.add(protocol == Protocol::anthropic ? "request-id" : "x-request-id", request_id);
  } else {
    headers.add("x-amzn-errortype", row.type);
  }
  headers.add("x-tidegate-error", row.tidegate_code);
  if (said.status == 429 || said.status == 503 || said.status == 529) {
    const auto wait = std::max(retry_after, std::chrono::milliseconds(1));
    headers.add("retry-after",
                std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count()));
    headers.add("x-amz-retry-after", std::to_string(wait.count()));
  }
  return answer;
}

}  // namespace tidegate::aws
