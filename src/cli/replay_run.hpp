// Runs planned requests against a gateway at their times, whatever becomes of the earlier ones (an
// open loop), or a given number at once (a closed loop, to measure what the Regions can do). A
// thread a request in flight, up to a bound.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/replay_client.hpp"

namespace tidegate::cli::replay {

struct Progress {
  std::size_t offered = 0, ended = 0, planned = 0;
};
using OnProgress = std::function<void(const Progress&)>;  // a few times a second

struct RunResult {
  std::vector<Observation> observations;
  double seconds = 0;  // from the first request to the last answer
  Duration latest{0};  // how late a request left at worst, for want of threads
};

RunResult run_open(const Caller& caller, const std::string& model_id,
                   const std::vector<Planned>& plan, Rng& rng, const OnProgress& on_progress);

// The requests of `plan` in order, `at_once` of them at a time, until `length` has passed or all
// are done. Throughput is answers over the time until the last one that began ended.
RunResult run_closed(const Caller& caller, const std::string& model_id,
                     const std::vector<Planned>& plan, std::size_t at_once, Duration length,
                     Rng& rng);

}  // namespace tidegate::cli::replay
