// What is recorded of a request. Two entries make one record: `opened` before a byte leaves for a
// model, `closed` before the last byte of the answer. An opened entry whose closed one never came
// is read as outcome "Interrupted". No prompt, no answer, no header value that a caller could fill
// with either. Shape:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/time.hpp"

namespace tidegate::audit {

inline constexpr int schema_version = 1;

struct Usage {
  std::int64_t input_tokens = 0, output_tokens = 0, cache_read_tokens = 0, cache_write_tokens = 0;
};

struct AttemptRecord {
  std::string region;  // where it was sent
  std::string
      outcome;  // "success", "capacity", "fence_refused", "peer_unavailable", "interrupted", ...
  std::string reason;  // routing::Reason of the decision that led to it
  std::int64_t bytes_sent = 0, bytes_received = 0;
  std::int64_t start_ms = 0;                      // after the request's arrival
  std::int64_t first_byte_ms = -1, total_ms = 0;  // -1: there was none
  std::string model_name;  // the model that really ran, "smollm2-135m-instruct"; empty if none did
  std::string error;       // why it failed, never a payload
};

// The facts of one request. Everything is known when the closed entry is written; the opened entry
// has the part above the line.
struct Record {
  // ids and caller
  std::string request_id, event_id;
  WallTime event_time;
  std::string event_source;  // "bedrock.amazonaws.com"
  std::string event_name;    // "Converse"
  bool read_only = false;
  std::string source_region;  // awsRegion
  std::string account, principal_arn, principal_user_id, access_key_id;
  std::string source_ip, user_agent;
  std::string tls_version, tls_cipher, host_header;
  std::string trace_id;  // of traceparent
  // what was asked
  std::string model_ref;            // as passed: profile id, ARN, model id
  json::object request_parameters;  // of control operations; for invocations only modelId
  std::string profile_id;           // empty: a bare model id
  std::uint32_t profile_version = 0;
  std::string row_hash;
  std::string application_profile_arn;
  std::string model_id;          // the foundation model of the profile
  std::vector<std::string> row;  // the destinations
  std::string body_sha256;
  std::int64_t bytes_in = 0;
  json::object request_metadata;
  // ---------------------------------------------------------------- known at the end
  std::string inference_region = "none";
  std::string model_name;  // what really ran
  std::string outcome;     // "Success", "Refused", "Failed", "Cancelled", "Interrupted"
  std::string error_code;  // AWS's type: "AccessDeniedException"; empty on success
  std::string error_message;
  std::string tidegate_code;  // "TG-1001"
  int http_status = 0;
  Usage usage;
  std::string stop_reason;
  std::int64_t bytes_out = 0;
  std::int64_t duration_ms = 0, first_byte_ms = -1, queue_ms = 0;
  std::vector<AttemptRecord> attempts;
  std::string route_reason;
  json::array considered;     // of the last decision: {region, verdict, free, rttMs, sentence}
  json::array policy_checks;  // {resource, requestedRegion, outcome, policy, statement}
};

// Facts that are not requests: GeofenceViolation, configuration changes, administrative acts,
// unidentified callers.
struct ServiceEvent {
  std::string event_id;
  WallTime event_time;
  std::string event_name;  // "GeofenceViolation"
  std::string source_region;
  json::object details;  // ids and hashes only
};

}  // namespace tidegate::audit
