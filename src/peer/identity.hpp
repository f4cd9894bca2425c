// Region identity: spiffe://REGION.OPERATOR-DOMAIN/gw/NODE, the one URI SAN of a gateway's
// certificate. Rules: SPIFFE-ID.md and X509-SVID.md of https://github.com/spiffe/spiffe
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/catalog.hpp"

struct x509_st;  // OpenSSL's

namespace tidegate::peer {

struct RegionIdentity {
  catalog::RegionId region;
  std::string operator_domain;  // "tidegate.internal"
  std::string node;             // "1"
  std::string uri() const;
  // Strict: scheme and host lower case, no port, query, fragment or percent escape, no empty, "."
  // or ".." segment, no byte outside the allowed set (a NUL least of all), at most 2,048 bytes,
  // trust domain at most 255.
  static std::optional<RegionIdentity> parse(std::string_view uri,
                                             std::string_view operator_domain);
};

// The one URI among a certificate's subject alternative names, byte for byte; nothing if there is
// not exactly one.
std::optional<std::string> uri_san(const x509_st* certificate);

}  // namespace tidegate::peer
