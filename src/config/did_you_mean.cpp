#include "config/did_you_mean.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace tidegate::config {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // One row of the Levenshtein table: row[j] is the distance of the first i bytes of a and the
  // first j of b.
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substituted}));
    }
  }
  return row.back();
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t word_bytes_max = 256;  // a longer word is not a slip of the finger
  if (word.size() > word_bytes_max) return {};
  // Two edits (a swap of neighbours is two), or a third of a long word; never as many as would
  // replace all of it.
  std::size_t best_distance = std::min(std::max<std::size_t>(2, word.size() / 3) + 1, word.size());
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    const bool longer =
        candidate.size() >= 3 && word.starts_with(candidate);  // "warning" for "warn"
    const std::size_t distance = longer ? 1 : edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t listed_max = 24;
  if (const auto best = nearest(word, candidates); !best.empty())
    return fmt::format("did you mean \"{}\"?", best);
  if (candidates.empty() || candidates.size() > listed_max) return {};
  return fmt::format("it is one of: {}", fmt::join(candidates, ", "));
}

}  // namespace tidegate::config
