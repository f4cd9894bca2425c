// CloudTrail's LookupEvents: the request to a query, a page of records to the answer.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
#pragma once

#include <string_view>

#include "audit/log.hpp"
#include "base/json.hpp"

namespace tidegate::api {

// Errors: malformed_json, invalid_lookup_attributes, invalid_time_range, invalid_max_results,
// invalid_next_token.
Result<audit::EventQuery> parse_lookup_events(std::string_view body, std::string_view account);
json::object lookup_events_answer(const audit::EventPage& page);

}  // namespace tidegate::api
