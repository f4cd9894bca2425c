// The replay's two questions to a gateway, signed as an AWS SDK would: a ConverseStream call, and
// LookupEvents.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aws/sigv4.hpp"
#include "cli/blocking_http.hpp"
#include "cli/replay_trace.hpp"

namespace tidegate::cli::replay {

struct Caller {
  Endpoint endpoint;
  std::string region;
  aws::Credentials credentials;
  std::string user_agent;  // names this run, so that its records can be found
};

enum class Ending : std::uint8_t { answered, refused, broken, unreachable };

// What one request saw.
struct Observation {
  Ending ending = Ending::unreachable;
  std::string request_id;              // empty: no head came
  std::string inference_region;        // of the header; empty: none
  std::string reason;                  // x-tidegate-route-reason
  std::string error;                   // "503 ServiceUnavailableException"
  Duration first_token{-1}, total{0};  // first_token < 0: none came
};

Observation converse_stream(const Caller& caller, const std::string& model_id,
                            const std::string& prompt, int answer_tokens);

// Of the audit record.
struct RecordFacts {
  std::string request_id;
  std::string inference_region;  // "none": no model ran
};
// The records of ConverseStream calls since `since` whose userAgent is the caller's, by
// CloudTrail's LookupEvents. Errors: peer_unavailable, or what the gateway answered.
Result<std::vector<RecordFacts>> lookup_records(const Caller& caller, WallTime since);

}  // namespace tidegate::cli::replay
