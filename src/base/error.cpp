#include "base/error.hpp"

#include <array>

namespace tidegate {

std::string_view name_of(ErrorCode code) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(ErrorCode::count_)> names{
      "validation",
      "malformed_json",
      "unknown_operation",
      "operation_not_offered",
      "body_too_large",
      "request_timeout",
      "headers_too_large",
      "malformed_http",
      "missing_authentication",
      "incomplete_signature",
      "invalid_signature",
      "unrecognized_client",
      "expired_token",
      "invalid_api_key",
      "access_denied",
      "invalid_model_identifier",
      "on_demand_not_supported",
      "resource_not_found",
      "conflict",
      "too_many_tags",
      "throttled",
      "too_many_resources",
      "capacity",
      "regions_withdrawn",
      "overloaded",
      "draining",
      "model_error",
      "model_timeout",
      "model_not_ready",
      "model_stream_error",
      "model_unavailable",
      "peer_unavailable",
      "peer_capacity",
      "fence_refused",
      "audit_unavailable",
      "store_unavailable",
      "configuration",
      "cancelled",
      "internal",
      "invalid_lookup_attributes",
      "invalid_time_range",
      "invalid_max_results",
      "invalid_next_token"};
  return names[static_cast<std::size_t>(code)];
}

}  // namespace tidegate
