// For tests: a token that both ends accept, and its facts.
#pragma once

#include "peer/token.hpp"

namespace tidegate::peer {

inline const std::optional<HmacKey> link_key{HmacKey(std::string(32, 's'))};
inline const std::string body = R"({"messages":[]})";
inline const WallTime now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};
inline constexpr std::string_view profile_id = "eu.amazon.nova-2-lite-v1:0";

inline std::int64_t unix_ms(WallTime t) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

inline RoutingToken good_token(std::string_view profile = profile_id,
                               const std::string& source = "eu-south-1",
                               const std::string& destination = "eu-central-1") {
  const catalog::Profile& p = *catalog::Catalog::built_in()->profile(profile);
  const catalog::Row& row = *p.row(catalog::RegionId(source));
  return {.jti = "2b6f1d0e-9a77-4c55-8d1b-3f0c6a2e0001",
          .request_id = "3f0c6a2e-8d1b-4c55-9f7a-2b6f1d0e9a77",
          .source = source,
          .destination = destination,
          .profile = p.id,
          .profile_version = row.version(),
          .row_hash = row.digest(),
          .subset = {},
          .operation = "Converse",
          .model_id = p.model_id,
          .body_sha256 = sha256(body),
          .principal_hash = sha256("arn:aws:iam::111122223333:user/demo"),
          .expires_ms = unix_ms(now) + 60'000};
}

}  // namespace tidegate::peer
