// A public trace of a language model service, made into a load for small models: its arrival
// pattern and its ratio of lengths stay, the lengths and the rate are scaled. Pure functions; the
// same seed gives the same prompts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"

namespace tidegate::cli::replay {

struct TraceRequest {
  Duration at{0};  // after the first
  int prompt_tokens = 0, answer_tokens = 0;
};

// CSV with the head TIMESTAMP,ContextTokens,GeneratedTokens; stamps like 2023-11-16
// 18:15:46.6805900, never falling. Errors: configuration, with file and line.
Result<std::vector<TraceRequest>> parse_trace(std::string_view csv, const std::string& file);

// The factor that makes the trace's largest request fit into `context_tokens`, with room for the
// chat template; at most 1.
double length_factor(const std::vector<TraceRequest>& trace, int context_tokens);

struct Planned {
  Duration at{0};
  int prompt_tokens = 1, answer_tokens = 1;
};
// As many of the trace's requests, from its beginning (and again from there if it is too short), as
// `rate` gives in `length`, their arrivals stretched to fill it.
std::vector<Planned> plan(const std::vector<TraceRequest>& trace, double length_factor, double rate,
                          Duration length);

// About so many tokens of common words, beginning with a number of its own so that no cache has
// seen it.
std::string make_prompt(int tokens, Rng& rng);

}  // namespace tidegate::cli::replay
