// The per-request routing token: HMAC-SHA-256 under a key exported from the link's TLS session, so that a token is worth
// nothing on another link. The signer reads the catalogue for itself and refuses a Region outside the row; no body leaves
// without a token. Wire form: base64url(RFC 8785 JSON) "." base64url(MAC), header x-tidegate-token.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::peer {

struct RoutingToken {
  static constexpr int version = 1;
  std::string jti;               // unique: one use only
  std::string request_id;
  std::string source, destination;
  std::string profile;           // the base (system) profile
  std::uint32_t profile_version = 0;
  std::string row_hash;
  std::vector<std::string> subset;   // narrowed destinations; empty: the whole row
  std::string operation;         // "Converse"
  std::string model_id;
  std::string body_sha256;       // hex
  std::string principal_hash;    // SHA-256 of the principal's ARN, hex
  std::int64_t expires_ms = 0;   // Unix time
};

class TokenSigner {
 public:
  // `catalog` is read here once more, independently of the router.
  explicit TokenSigner(std::shared_ptr<const catalog::Catalog> catalog) : catalog_(std::move(catalog)) {}
  // Errors: fence_refused, when the destination is not in the row that the catalogue has for this source.
  Result<std::string> sign(const RoutingToken& token, std::string_view link_secret) const;

 private:
  std::shared_ptr<const catalog::Catalog> catalog_;
};

// Checks the MAC and the form, not the meaning (that is Admission's business). Errors: fence_refused.
Result<RoutingToken> open_token(std::string_view wire, std::string_view link_secret);

// Tokens that were used. Lock-free, shared by the workers; entries live for limits::token_lifetime. Full is refused.
class ReplayTable {
 public:
  explicit ReplayTable(std::size_t entries_a_minute);
  enum class Seen : std::uint8_t { fresh, replayed, full };
  Seen use(std::string_view jti, WallTime now);

 private:
  struct Generation {
    std::atomic<std::int64_t> minute{-1};
    std::unique_ptr<std::atomic<std::uint64_t>[]> slots;
  };
  std::size_t mask_;
  std::array<Generation, 4> generations_;
};

}  // namespace tidegate::peer
