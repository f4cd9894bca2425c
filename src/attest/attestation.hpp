// What the destination says of a request that it ran for another Region. Both ends know its facts
// and make the same bytes of them, so that only the time has to cross the link. The members are
// final: docs/reference/attestation.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace tidegate::attest {

struct Attestation {
  static constexpr int version = 1;
  static constexpr std::string_view label = "tidegate attestation 1";

  std::string_view request_id{};
  std::string_view source{}, destination{};  // Regions
  Sha256 row_hash{};                         // as the token names the row
  Sha256 body{}, answer{};                   // SHA-256 of the request's body and of the answer's
  Sha256 token{};                            // the leaf of the routing token that asked for it
  std::string_view outcome{};  // "success", or the name of the error that ended the answer
  std::int64_t at_ms = 0;      // Unix time at the destination when the answer was whole

  std::string bytes() const;
  Sha256 leaf() const;
};

}  // namespace tidegate::attest
