// The facts of one request so far, each made in one place only: what record() writes and `explain`
// shows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/bedrock.hpp"
#include "api/operations.hpp"
#include "audit/record.hpp"
#include "catalog/catalog.hpp"
#include "gateway/checked.hpp"
#include "gateway/snapshot.hpp"
#include "http/exchange.hpp"
#include "identity/authenticator.hpp"
#include "model/attempt.hpp"
#include "model/backend.hpp"
#include "policy/policy.hpp"
#include "routing/routing.hpp"

namespace tidegate::gateway {

// Bytes of bodies that are held, given back when the request ends.
class BodyLease {
 public:
  explicit BodyLease(std::atomic<std::size_t>& total) : total_(&total) {}
  BodyLease(const BodyLease&) = delete;
  BodyLease& operator=(const BodyLease&) = delete;
  ~BodyLease() { total_->fetch_sub(held_, std::memory_order_relaxed); }
  bool grow(std::size_t bytes) {
    held_ += bytes;
    return total_->fetch_add(bytes, std::memory_order_relaxed) + bytes <= limits::body_budget_bytes;
  }

 private:
  std::atomic<std::size_t>* total_;
  std::size_t held_ = 0;
};

// The whole body, held under the lease; `begun` is what of it was read before. Errors: those of
// next_body(), overloaded, body_too_large.
Task<Result<std::string>> read_body(http::Exchange& exchange, BodyLease& lease,
                                    std::string begun = {},
                                    std::size_t max = limits::body_bytes_max);

// receive(): which operation, and the whole body.
struct Call {
  api::Match match{};
  aws::Protocol protocol = aws::Protocol::rest_json;
  identity::ClaimedIdentity claim;  // not yet believed
  std::string body;
  Sha256 body_hash{};
  std::string model_reference{};  // of an invocation: as passed, in the path or the body
  // As it was called: for its format, here and abroad. The operation becomes its streamed twin
  // where a door's body asks for a stream.
  std::string_view called{};
  const api::Operation& operation() const { return *match.operation; }
};

// Fills model_reference and called, for which the body of a door's request has to be read: after
// identify().
Result<void> name_model(Call& call);

// resolve(): which Regions. From here on no other can be named.
struct Target {
  const catalog::Profile* profile = nullptr;  // nullptr: a bare model id
  const catalog::Row* row = nullptr;
  std::string model_id;
  std::string application_profile_arn;                 // empty: named directly
  std::shared_ptr<const catalog::RowSubset> subset{};  // what the caller keeps to; null: all of it
  const catalog::Lifecycle* legacy = nullptr;  // of what was named; set while it is on its way out
};

// Whom policies are decided for.
struct Caller {
  const identity::PrincipalRecord* principal;
  identity::Credential credential = identity::Credential::access_key;
  bool operator==(const Caller&) const = default;
};

// authorize(): may they, and every check behind it. Only authorize() makes one; admit() takes
// nothing else.
class Permit {
 public:
  const Checked& checked() const { return *checked_; }

 private:
  friend class Pipeline;
  explicit Permit(CheckedPtr checked) : checked_(std::move(checked)) {}
  CheckedPtr checked_;
};

// admit(): one unit of the gateway's bounded concurrency, given back when the request ends.
class Admitted {
 public:
  Admitted(Admitted&& other) noexcept : region_(std::exchange(other.region_, nullptr)) {}
  Admitted& operator=(Admitted&&) = delete;
  ~Admitted();

 private:
  friend class Pipeline;
  explicit Admitted(class Region& region) : region_(&region) {}
  class Region* region_;
};

// What a hop to another Region leaves for its record.
struct Hop {
  std::optional<Sha256> token{};  // its leaf, once it was sent
  std::optional<audit::AttestedAnswer> attestation{};
  Sha256 leaf{};  // of the attestation
};

struct Trail {
  std::string request_id;
  std::string traceparent;  // ours, to pass on
  MonoTime arrived{};
  WallTime arrived_wall{};
  std::shared_ptr<const Snapshot> snapshot;
  std::optional<BodyLease> lease;
  aws::Protocol protocol =
      aws::Protocol::rest_json;  // for errors, also before the operation is known

  std::optional<Call> call;
  std::optional<identity::Principal> principal;
  Caller caller() const { return {&principal->record(), principal->credential()}; }
  std::optional<Target> target;
  std::optional<Permit> permit;
  const chat::Format* format = nullptr;          // how the caller speaks
  std::unique_ptr<const chat::Request> request;  // the body, understood
  std::optional<Admitted> admitted;
  std::optional<audit::OpenedAt> opened;      // its entry in the audit log
  std::optional<routing::Decision> decision;  // the last one
  std::vector<model::Attempt> attempts;
  std::vector<audit::AttemptRecord> attempt_records;
  Hop hop;                                                     // of the attempt that runs
  std::vector<std::pair<catalog::RegionId, Sha256>> attested;  // leaves that a Region has to sign
  CheckedPtr checked;                                          // also of a refusal
  json::object request_parameters;                             // of control operations
  std::string application_profile_arn;  // that a control operation made, read or changed
  Duration queued{0};
};

}  // namespace tidegate::gateway
