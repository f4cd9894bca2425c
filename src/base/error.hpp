// Errors as values. An Error says what happened (code), who caused it (origin), whether another try
// may help (retry) and, in a sentence for a person, why. How a code looks on the wire (AWS type,
// HTTP status, the mend) is one table in aws/errors.cpp; nothing else decides statuses.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tidegate {

// One entry a distinguishable failure; the table in aws/errors.cpp has one row for each.
enum class ErrorCode : std::uint8_t {
  // the request itself
  validation,             // 400 ValidationException
  malformed_json,         // 400 SerializationException
  unknown_operation,      // 404 UnknownOperationException
  operation_not_offered,  // 400 ValidationException: known to AWS, not offered here
  body_too_large,         // 413 RequestEntityTooLargeException
  request_timeout,        // 408 RequestTimeoutException: half a request, then silence
  headers_too_large,      // 431
  malformed_http,         // 400
  // the caller
  missing_authentication,  // 403 MissingAuthenticationTokenException
  incomplete_signature,    // 403 IncompleteSignatureException
  invalid_signature,       // 403 InvalidSignatureException (mismatch, expired, not yet current)
  unrecognized_client,     // 403 UnrecognizedClientException
  expired_token,           // 403 ExpiredTokenException
  invalid_api_key,         // 403 AccessDeniedException: unknown, revoked or expired
  access_denied,           // 403 AccessDeniedException
  // what was named
  invalid_model_identifier,  // 400 "The provided model identifier is invalid."
  on_demand_not_supported,   // 400 "Invocation of model ID ... with on-demand throughput isn't
                             // supported. ..."
  resource_not_found,        // 404 ResourceNotFoundException
  conflict,                  // 400 ConflictException: taken, or a token used for something else
  too_many_tags,             // 400 TooManyTagsException
  // capacity and quota
  throttled,           // 429 ThrottlingException: quota
  too_many_resources,  // 400 ServiceQuotaExceededException: as many as an account may have
  capacity,            // 503 ServiceUnavailableException: no Region of the row has room
  regions_withdrawn,   // 503 ServiceUnavailableException: operators have taken out of use every
                       // Region that could run it
  overloaded,          // 503 this gateway itself is at a limit (in flight, body budget)
  draining,            // 503 this gateway is shutting down
  // the model
  model_error,         // 424 ModelErrorException: the back-end answered an error of its own
  model_timeout,       // 408 ModelTimeoutException
  model_not_ready,     // 429 ModelNotReadyException
  model_stream_error,  // 424 ModelStreamErrorException, only inside a stream
  model_unavailable,   // 503: the back-end cannot be reached
  // other Regions
  peer_unavailable,  // 503: the link is down or broke before an answer
  peer_capacity,     // handed back by the destination: no room; another Region may have some
  fence_refused,     // 403: the destination's own catalogue says no
  // ourselves
  audit_unavailable,  // 503: what cannot be recorded is not run
  store_unavailable,  // 503
  configuration,      // start-up and reload only
  cancelled,          // the client has gone; nobody reads this
  internal,           // 500 InternalServerException
  // CloudTrail LookupEvents
  invalid_lookup_attributes,
  invalid_time_range,
  invalid_max_results,
  invalid_next_token,
  count_,  // not an error: the size of the table
};

enum class Origin : std::uint8_t { client, self, backend, peer, store };

// May the same request be tried again, and where?
enum class Retry : std::uint8_t { never, other_region, same_region };

struct Error {
  ErrorCode code = ErrorCode::internal;
  Origin origin = Origin::self;
  Retry retry = Retry::never;
  std::string message;  // AWS's words where clients match on words; a sentence
  std::string mend;     // one sentence: what to do about it; may be empty
  std::string why;      // for logs, `explain` and the audit record; never a payload; may be empty
  int upstream_status = 0;  // the back-end's HTTP status, where there was one
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}
inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string mend = {}) {
  return std::unexpected(
      Error{.code = code, .message = std::move(message), .mend = std::move(mend), .why = {}});
}

// "validation", "fence_refused", ...: stable names for logs, metrics and records.
std::string_view name_of(ErrorCode code);

}  // namespace tidegate

// TRY(auto x, expression);  binds the value or returns the error.  CO_TRY is the same inside a
// coroutine. TRY_VOID(expression);     the same where there is no value.
#define TIDEGATE_CONCAT_(a, b) a##b
#define TIDEGATE_CONCAT(a, b) TIDEGATE_CONCAT_(a, b)
#define TIDEGATE_TRY_(result, declaration, expression, return_) \
  auto result = (expression);                                   \
  if (!result) [[unlikely]]                                     \
    return_ std::unexpected(std::move(result).error());         \
  declaration = *std::move(result)
#define TRY(declaration, ...) \
  TIDEGATE_TRY_(TIDEGATE_CONCAT(try_result_, __LINE__), declaration, (__VA_ARGS__), return)
#define CO_TRY(declaration, ...) \
  TIDEGATE_TRY_(TIDEGATE_CONCAT(try_result_, __LINE__), declaration, (__VA_ARGS__), co_return)
#define TRY_VOID(...)                                                        \
  do {                                                                       \
    if (auto try_result_void = (__VA_ARGS__); !try_result_void) [[unlikely]] \
      return std::unexpected(std::move(try_result_void).error());            \
  } while (false)
#define CO_TRY_VOID(...)                                                     \
  do {                                                                       \
    if (auto try_result_void = (__VA_ARGS__); !try_result_void) [[unlikely]] \
      co_return std::unexpected(std::move(try_result_void).error());         \
  } while (false)
