// The per-request routing token: HMAC-SHA-256 under a key exported from the link's TLS session, so
// that a token is worth nothing on another link. The signer reads the catalogue for itself and
// refuses a Region outside the row; no body leaves without a token. Sealed (seal.hpp), it goes in
// front of the body (wire.hpp).
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attest/attestation.hpp"
#include "base/bytes.hpp"
#include "base/time.hpp"
#include "catalog/catalog.hpp"
#include "peer/seal.hpp"

namespace tidegate::peer {

struct RoutingToken {
  static constexpr std::uint8_t version = 1;
  std::string jti;  // unique: one use only
  std::string request_id;
  std::string source, destination;
  std::string profile;  // the base (system) profile
  std::uint32_t profile_version = 0;
  Sha256 row_hash{};
  std::vector<std::string> subset;  // narrowed destinations; empty: the whole row
  std::string operation;            // "Converse"
  std::string model_id;
  Sha256 body_sha256{};
  Sha256 principal_hash{};      // SHA-256 of the principal's ARN
  std::int64_t expires_ms = 0;  // Unix time
};

// As each end has it: the leaf is the token's in the tree whose root the source signs.
using SealedToken = Sealed;
struct OpenedToken {
  RoutingToken token;
  Sha256 leaf{};
};

// What the destination attests of the answer to that token; both ends make it of what they know.
// Borrows the token and the outcome.
attest::Attestation attestation_of(const RoutingToken& token, const Sha256& token_leaf,
                                   const Sha256& answer, std::string_view outcome,
                                   std::int64_t at_ms);

// What a token names in a catalogue: a row, and the version of the profile that has it.
struct NamedRow {
  const catalog::Profile* profile;
  const catalog::Row* row;
};

class TokenSigner {
 public:
  // `catalog` is read here once more, independently of the router.
  explicit TokenSigner(std::shared_ptr<const catalog::Catalog> catalog)
      : catalog_(std::move(catalog)) {}
  // Errors: fence_refused, its `why` naming the rule, when the catalogue has no row for this
  // profile and source, or the destination is not in it. A bare model id has no row: it never goes
  // abroad.
  Result<SealedToken> sign(const RoutingToken& token, const std::optional<HmacKey>& link_key) const;
  // What sign() asks first, by itself, for the proof: which row of the catalogue the token names,
  // of the version in force or an older one that is still admitted; and whether it may go there.
  Result<NamedRow> row_of(const RoutingToken& token) const;
  Result<void> check_destination(const NamedRow& named, const RoutingToken& token) const;

 private:
  std::shared_ptr<const catalog::Catalog> catalog_;
};

// Checks the MAC and the form, not the meaning (that is Admission's business). Errors:
// fence_refused.
Result<OpenedToken> open_token(std::string_view sealed, const std::optional<HmacKey>& link_key);

// Tokens that were used. Lock-free, shared by the workers. Full is refused.
//
// A token belongs to the generation of the minute in which it expires, so that every use of it
// looks in the same place whatever the clock says meanwhile. Tokens that admission lets through
// expire within two minutes of each other; of the four generations the oldest is dead when its
// place is taken, and its entries, which carry their minute, count as empty then: nothing has to be
// cleared.
class ReplayTable {
 public:
  explicit ReplayTable(std::size_t entries_a_minute);
  enum class Seen : std::uint8_t { fresh, replayed, full };
  // Of one token. Its place in the table is far from everything else in memory: made early, it is
  // here by the time that it is used.
  struct Entry {
    std::int64_t minute;
    std::size_t place;
    std::uint64_t slot;  // what fills it
  };
  Entry entry(std::string_view jti, std::int64_t expires_ms) const;
  // The caller has checked that the token is within its lifetime.
  Seen use(const Entry& entry);

 private:
  struct Free {
    void operator()(void* memory) const;
  };
  struct Generation {
    std::atomic<std::int64_t> minute{-1};
    std::unique_ptr<std::uint64_t[], Free>
        slots;  // 16 bits of the minute, 48 of the fingerprint; 0: never used
  };
  static std::size_t generation_of(std::int64_t minute) {
    return static_cast<std::size_t>(minute) % generations;
  }
  static constexpr std::size_t generations = 4;
  std::size_t mask_;
  std::array<Generation, generations> generations_;
};

}  // namespace tidegate::peer
