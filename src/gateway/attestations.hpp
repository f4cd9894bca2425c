// Signatures over what this Region ran for others and what it asked of them. A request's own path
// only adds a leaf; every limits::batch_interval the leaves of one peer are signed together and
// told to it. The other way round, what a peer must sign is waited for, and raises an alarm where
// it does not come. All workers share the books of a peer, so it does not matter which of the
// links carries a batch, and a link that breaks loses none.
//
// The source keeps what proves: its own batches of tokens and the destination's of attestations
// become entries of its audit log (each the third entry of many requests). The destination keeps
// nothing but the alarm.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "attest/batch.hpp"
#include "audit/log.hpp"
#include "catalog/catalog.hpp"
#include "peer/signing.hpp"

namespace tidegate::gateway {

// Whether a time that a peer names is within limits::batch_age_max of ours.
bool is_of_now(std::int64_t unix_ms, WallTime now);

struct LeafHash {
  // A digest's bytes are spread as they are; a peer that makes up its leaves slows its own book.
  using is_avalanching = void;
  std::size_t operator()(const Sha256& leaf) const {
    std::size_t out = 0;
    std::memcpy(&out, leaf.data(), sizeof out);
    return out;
  }
};

class Attestations {
 public:
  Attestations(std::string self, const std::vector<catalog::RegionId>& peers,
               const peer::SigningIdentity& identity, audit::Log& log, Clock& clock);

  // This Region signs it, in the next batch for that peer. Cheap; from any thread.
  void made(attest::Of of, const catalog::RegionId& peer, const Sha256& leaf);
  // That peer has to sign it. Cheap; from any thread.
  void expect(attest::Of of, const catalog::RegionId& peer, const Sha256& leaf,
              std::string request_id);

  // How far one stream of lines to a peer is.
  struct Cursor {
    std::uint64_t next_batch = 0;
    std::shared_ptr<const peer::Endorsement> told;
  };
  enum class When : std::uint8_t { due, now };
  // Lines for a peer that the stream has not had: the endorsement, and batches of attestations; to
  // a new stream those of the last limits::batch_kept. Signs what has gathered, if it is due.
  std::string lines(const catalog::RegionId& peer, Cursor& cursor, When when);
  // The next batch of tokens to be posted, with the endorsement as its first line; nullopt: none.
  std::optional<std::string> next_tokens(const catalog::RegionId& peer);
  void not_delivered(const catalog::RegionId& peer, std::string_view lines);

  // A line from a peer: the endorsement of its key, or a batch, of the kind that this way of a link
  // carries. Errors: why it is refused, in `why`; audit_unavailable.
  Result<void> accept(const catalog::RegionId& peer, attest::Of of, std::string_view line);
  static bool is_ours(std::string_view line);  // and not a load report

  // After a change of the trust bundles: keys that are not a peer's any more are forgotten.
  void recheck_keys() { keys_.recheck(); }

  // What a start found in the log.
  void resume(audit::Unattested found);

  // What has waited too long: told once, and no longer waited for.
  struct Overdue {
    catalog::RegionId peer;
    attest::Of of;
    std::size_t count = 0;
    std::vector<std::string> request_ids{};  // some of them
    std::vector<Sha256> leaves{};
  };
  std::vector<Overdue> overdue();
  // Signatures that are still to come or to leave: a stop waits a moment for them.
  std::size_t outstanding() const;

 private:
  struct Waiting {
    attest::Of of;
    MonoTime since;
    std::string request_id;
  };
  struct Early {
    attest::Of of;
    MonoTime since;
  };
  struct Kept {
    MonoTime made;
    std::string line;
  };
  struct Gathered {
    std::vector<Sha256> leaves;
    MonoTime signed_at{};
  };
  struct Book {
    mutable std::mutex mutex;
    Gathered attestations, tokens;
    std::deque<Kept> kept;  // signed attestations; the oldest is number first_kept
    std::uint64_t first_kept = 0;
    std::deque<std::string> unsent;  // signed tokens
    boost::unordered_flat_map<Sha256, Waiting, LeafHash> waiting;
    boost::unordered_flat_map<Sha256, Early, LeafHash> early;  // signed before they were expected
    std::map<attest::Of, std::size_t> dropped;  // beyond a limit, since the last alarm
    std::set<Sha256> accepted;                  // SHA-256 of the texts of batches
    std::deque<Sha256> accepted_in_order;
  };

  Book* book(const catalog::RegionId& peer);
  std::optional<attest::Batch> sign(Book& book, attest::Of of, const catalog::RegionId& peer,
                                    When when);
  Result<void> accept_batch(const catalog::RegionId& peer, Book& book, attest::Of of,
                            std::string_view line);
  // `json` is the batch's.
  Result<void> write(const attest::Batch& batch, std::string_view json,
                     const peer::Endorsement& endorsement);
  // Whether requests wait for its leaves, or so few of them are left that some may do so in a
  // moment.
  static bool asked_for(const Book& book, const attest::Batch& batch);
  void settle(Book& book, const attest::Batch& batch);
  // False: this batch is known. Under the book's mutex.
  static bool claim(Book& book, const Sha256& text);

  const std::string self_;
  const peer::SigningIdentity& identity_;
  audit::Log& log_;
  Clock& clock_;
  peer::KeyRing keys_;
  std::map<catalog::RegionId, Book> books_;
  std::mutex written_mutex_;
  std::set<std::string> written_;  // endorsements that stand in the log, with the day
};

}  // namespace tidegate::gateway
