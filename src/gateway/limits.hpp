// What a peer or a customer may make a gateway keep or write.
#pragma once

#include "base/limits.hpp"

namespace tidegate::limits {

// Of one Region, signed and not waited for: what it may make us log unasked in batch_kept.
inline constexpr std::size_t leaves_early_max = 16'384;
// In what came at once on a stream of reports: more end it.
inline constexpr std::size_t lines_refused_max = 16;
// An endorsement and a batch, each a line of its own.
inline constexpr std::size_t token_batch_bytes_max = 2 * (report_bytes_max + 1);
// Events of one Region's refused signatures a second; all are counted.
inline constexpr std::size_t refusals_told_max = 16;
// Remembered as written, of a day.
inline constexpr std::size_t endorsements_logged_max = 4'096;
// Named in one event, of those that a catalogue refuses from now on; all are counted.
inline constexpr std::size_t lost_profiles_logged_max = 16;

}  // namespace tidegate::limits
