// API keys: a text that whoever bears it acts as its principal with, at the doors where clients
// cannot sign. Only its SHA-256 is kept. As in AWS, where they are service-specific credentials:
// https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"

namespace tidegate::identity {

struct ApiKey {
  std::string key_id;  // "ACCA..."
  std::string name;    // the operator's; may be empty
  Sha256 digest{};     // of the text
  std::string principal_arn;
  WallTime created{}, expires{};
  bool active = true;  // false: revoked
};

// "tgk_" and 256 random bits.
std::string make_api_key(Rng& rng);

// The id that records and lists call a key by: it follows from the digest, so that one text has one
// id in every Region.
std::string api_key_id(const Sha256& digest);

}  // namespace tidegate::identity
