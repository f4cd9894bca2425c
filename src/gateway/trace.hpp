// W3C Trace Context: https://www.w3.org/TR/trace-context/
#pragma once

#include <string>
#include <string_view>

#include "base/rng.hpp"

namespace tidegate::gateway {

bool is_traceparent(std::string_view text);  // of version 00
// A traceparent of ours: the caller's trace id and flags if `incoming` is a valid one, else a new
// trace.
std::string continue_trace(std::string_view incoming, Rng& rng);
// Its trace id, 32 hex digits.
std::string_view trace_id(std::string_view traceparent);

}  // namespace tidegate::gateway
