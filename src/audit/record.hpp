// What is recorded of a request. Two entries make one record: `opened` before a byte leaves for a
// model, `closed` before the last byte of the answer. An opened entry whose closed one never came
// is read as outcome "Interrupted". No prompt, no answer, no header value that a caller could fill
// with either. Shape:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/time.hpp"

namespace tidegate::audit {

inline constexpr std::string_view event_version = "1.11";  // CloudTrail's
inline constexpr int schema_version = 1;

struct Usage {
  std::int64_t input_tokens = 0, output_tokens = 0, cache_read_tokens = 0, cache_write_tokens = 0;
};

// Of an attestation, what the record does not say elsewhere (attest/attestation.hpp).
struct AttestedAnswer {
  Sha256 answer{};
  std::string row_hash{};  // where another version of the row was sent than the record's
  std::string outcome{};
  std::int64_t at_ms = 0;
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
  // Of an attempt abroad: the leaf of the routing token that was sent, and what the destination
  // attests of the answer. Their signatures follow, in entries of many requests.
  std::optional<Sha256> token{};
  std::optional<AttestedAnswer> attestation{};
};

// One Region of the row as the last decision saw it.
struct Considered {
  std::string_view region, verdict, sentence;
  std::int32_t free = 0;
  Duration rtt{0}, report_age{0};
};

// Where an opened entry stands: in the file that began at `segment`, from this byte on.
struct OpenedAt {
  WallTime segment{};
  std::uint64_t offset = 0;
};

// The facts of one request, borrowed: a Record lives for the call that writes it, and what it names
// lives in the request. Everything is known when the closed entry is written; the opened entry has
// the part above the line, and of it only what the record of a request that a crash cuts short
// needs. What follows from other members (ARNs of profile and model) is not here.
struct Record {
  // ids and caller
  std::string_view request_id;  // the event's id as well
  WallTime event_time;
  std::string_view event_source;  // "bedrock.amazonaws.com"
  std::string_view event_name;    // "Converse"
  bool read_only = false;
  std::string_view source_region;  // awsRegion
  std::string_view account, principal_arn, principal_user_id;
  std::string_view access_key_id, credential_id;  // one of them: signed, or called with an API key
  std::string_view source_ip, user_agent;
  std::string_view tls_version, tls_cipher, host_header;
  std::string_view trace_id;  // of traceparent
  // what was asked
  std::string_view model_ref;                        // as passed: profile id, ARN, model id
  const json::object* request_parameters = nullptr;  // of control operations
  std::string_view profile_id;                       // empty: a bare model id
  std::uint32_t profile_version = 0;
  std::string_view row_hash;
  std::string_view application_profile_arn;
  std::string_view model_id;                  // the foundation model of the profile
  std::vector<std::string_view> row;          // the destinations
  std::vector<std::string_view> narrowed_to;  // the caller's part of them; empty: all
  const Sha256* body_hash = nullptr;
  std::int64_t bytes_in = 0;
  const json::object* request_metadata = nullptr;
  std::optional<OpenedAt> opened;  // where the opened entry stands; empty: there is none
  // ---------------------------------------------------------------- known at the end
  std::string_view inference_region = "none";
  std::string_view model_name;  // what really ran
  std::string_view outcome;     // "Success", "Refused", "Failed", "Cancelled", "Interrupted"
  std::string_view error_code;  // AWS's type: "AccessDeniedException"; empty on success
  std::string_view error_message;
  std::string_view tidegate_code;  // "TG-1001"
  int http_status = 0;             // 0: none was sent
  Usage usage;
  std::string_view stop_reason;
  std::int64_t bytes_out = 0;
  std::int64_t duration_ms = -1, first_byte_ms = -1, queue_ms = 0;  // -1: not known
  std::span<const AttemptRecord> attempts;
  std::string_view route_reason;
  // Of the last decision: the Regions of the row that the deployment runs.
  std::vector<Considered> considered;
  // JSON, written once for many requests. Where all of them allow, {allowed, by: [{policy,
  // statement}]}; else [{resource, requestedRegion, outcome, policy, statement}].
  std::string_view policy_checks;
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
