// Files that commands write: whole or not at all, and private where they hold a secret.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

#include "base/error.hpp"

namespace tidegate::cli {

inline constexpr mode_t private_mode = 0600;
inline constexpr mode_t public_mode = 0644;

// Writes beside the file, syncs, and renames. Errors: configuration.
Result<void> write_file(const std::filesystem::path& file, std::string_view content, mode_t mode);

// With all parents, mode 0700. Errors: configuration.
Result<void> make_directory(const std::filesystem::path& directory);

}  // namespace tidegate::cli
