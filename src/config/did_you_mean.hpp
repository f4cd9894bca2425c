// The nearest of the words that would have been right, for the mend of a misspelt key or name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::config {

// Insertions, deletions and substitutions of bytes that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest candidate (two edits, or a third of a long word), or "" if none is near enough to
// name.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// `did you mean "X"?`, or else `it is one of: A, B, C`.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace tidegate::config
