// What a replay proved: tallies of what the client saw and of what the audit log says, the two
// checks, and their text. Pure functions.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/replay_client.hpp"

namespace tidegate::cli::replay {

struct Percentiles {
  std::size_t count = 0;
  double p50 = 0, p90 = 0, p99 = 0;  // seconds
};
// By nearest rank; zeros if there is none.
Percentiles percentiles(std::vector<double> values);

struct Tally {
  std::size_t offered = 0, answered = 0, refused = 0, broken = 0, unreachable = 0;
  std::map<std::string, std::size_t> by_region;  // answered, by the header's inference Region
  std::map<std::string, std::size_t> by_error;   // refused, broken and unreachable
  Percentiles first_token, total, first_token_home, first_token_abroad;
  double seconds = 0;  // from the first request to the last answer
  double throughput() const { return seconds > 0 ? static_cast<double>(answered) / seconds : 0; }

  // The log's word on it.
  std::size_t known = 0;         // requests whose answer had an id: each must have one record
  std::size_t missing = 0;       // ... and has none
  std::size_t repeated = 0;      // ... or has several
  std::size_t contradicted = 0;  // the record names another Region than the answer did
  std::size_t records = 0;
  std::size_t outside = 0;  // records of a Region that is not in the row
  bool records_hold() const { return missing == 0 && repeated == 0 && contradicted == 0; }
  bool fence_holds() const { return outside == 0; }
};

Tally tally(const std::vector<Observation>& observations, const std::vector<RecordFacts>& records,
            const std::string& source, const std::set<std::string>& row, double seconds);

// One run, under a heading.
std::string report_text(const Tally& tally, const std::string& source,
                        const std::set<std::string>& deployed_row);
// Does the pool of the row answer more than the source alone? Where both carried all of the load,
// it was too small to tell.
enum class Advantage : std::uint8_t { shown, not_told, missing };
Advantage advantage_of(const Tally& pooled, const Tally& single);

// Both runs side by side: the row's pool against the source alone.
std::string comparison_text(const Tally& pooled, const Tally& single);

}  // namespace tidegate::cli::replay
