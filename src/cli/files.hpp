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

// The private keys that systemd may hand over (LoadCredential=): each is named like the key of the
// configuration that it stands in for.
inline constexpr std::string_view api_key_credential = "tls.api.key";
inline constexpr std::string_view peer_key_credential = "tls.peer.key";
// $CREDENTIALS_DIRECTORY/NAME where systemd has put it, else `file`.
std::string credential_or(std::string_view name, const std::string& file);

}  // namespace tidegate::cli
