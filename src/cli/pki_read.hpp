// Reading PEM files, for pki.cpp and pki_facts.cpp.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cli/openssl.hpp"

namespace tidegate::cli::pki {

struct Authority {
  Certificate certificate;
  PrivateKey key;
};

std::unexpected<Error> wrong(std::string what, std::string why, std::string mend);
std::unexpected<Error> openssl_failed(std::string_view doing);

// Errors: configuration.
Result<std::vector<Certificate>> read_certificates(const std::filesystem::path& file);
Result<PrivateKey> read_key(const std::filesystem::path& file);
Result<Authority> read_authority(const std::filesystem::path& certificate,
                                 const std::filesystem::path& key);  // a pair that fits

// The authority's trust domain, REGION.OPERATOR-DOMAIN, from its own URI spiffe://REGION.OPERATOR-
// DOMAIN. Errors: configuration, if it is not that Region's.
Result<std::string> trust_domain_of(const Authority& authority, const std::filesystem::path& file,
                                    const std::string& region);

// The URIs of its subject alternative name, whole, NUL bytes included.
std::vector<std::string> uris_of(X509* certificate);

}  // namespace tidegate::cli::pki
