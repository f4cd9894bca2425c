// Sizes of catalogues and of their bundles.
#pragma once

#include "base/limits.hpp"

namespace tidegate::limits {

inline constexpr long catalog_epoch_max = 9'007'199'254'740'991;  // what JSON's readers agree on
inline constexpr std::size_t catalog_bytes_max = 64'000'000;      // 10,000 profiles take 10 MB
inline constexpr std::size_t bundle_signatures_max = 16;
inline constexpr std::size_t catalog_signers_max = 16;  // that a configuration trusts

// How long before a Region's adequacy ends it is an alarm: to move what depends on it takes months.
inline constexpr std::chrono::days adequacy_notice{180};

}  // namespace tidegate::limits
