// Making certificates and writing them down, for pki.cpp and pki_rotate.cpp.
#pragma once

#include <chrono>
#include <filesystem>
#include <span>
#include <string>

#include "base/time.hpp"
#include "cli/pki_read.hpp"

namespace tidegate::cli::pki {

// Self-signed, path length 0; the Region's may name its trust domain, REGION.DOMAIN, in URIs and
// nothing else. Errors: configuration.
Result<Authority> make_region_authority(const std::string& region, const std::string& domain,
                                        WallTime now);
Result<Authority> make_api_authority(WallTime now);

struct Leaf {
  std::string unit;    // of the subject: for a person who reads it
  std::string names;   // its subject alternative name, as OpenSSL writes it: "URI:spiffe://..."
  std::string usages;  // "serverAuth,clientAuth"
  std::chrono::days lifetime;
};
Result<Authority> make_leaf(const Authority& authority, Leaf leaf, WallTime now);

// Errors: configuration.
Result<void> save(const Authority& made, const std::filesystem::path& certificate,
                  const std::filesystem::path& key);
Result<void> save_key(const PrivateKey& key, const std::filesystem::path& file);
Result<void> save_certificates(std::span<X509* const> certificates,
                               const std::filesystem::path& file);

}  // namespace tidegate::cli::pki
