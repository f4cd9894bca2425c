// One gateway process's shared part: what its workers have in common. Counters are atomics, because
// two slots must be two slots whatever the worker; the snapshot is swapped whole.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "audit/log.hpp"
#include "gateway/application_profiles.hpp"
#include "gateway/attestations.hpp"
#include "gateway/background.hpp"
#include "gateway/region_config.hpp"
#include "gateway/restrictions.hpp"
#include "gateway/snapshot.hpp"
#include "gateway/strangers.hpp"
#include "gateway/telemetry.hpp"
#include "model/backend.hpp"
#include "peer/admission.hpp"
#include "peer/token.hpp"

namespace tidegate::gateway {

class Worker;

// What a Region is made of; all of it must outlive it.
struct RegionPorts {
  Clock& clock;
  audit::Log& log;
  Background& background;
  DocumentStore& documents;
  ApplicationProfileStore& profiles;
  RestrictionStore& restrictions;
  const peer::SigningIdentity& identity;
};

// Requests sent to one peer and not ended, and requests of that peer running here.
struct PeerCounters {
  std::atomic<std::uint32_t> sent{0};
  std::atomic<std::uint32_t> running_here{0};
};

// The peers that this Region dials: configured, and destinations of its rows (of global rows only
// where those are on).
std::vector<peer::PeerConfig> destinations_to_dial(const RegionConfig& config,
                                                   const catalog::Catalog& catalog);

class Region {
 public:
  // Errors: configuration, store_unavailable.
  static Result<std::unique_ptr<Region>> create(RegionConfig config, CatalogInForce catalog,
                                                RegionPorts ports, std::uint64_t epoch);

  const RegionConfig& config() const { return config_; }
  Clock& clock() { return ports_.clock; }
  audit::Log& log() { return ports_.log; }
  Background& background() { return ports_.background; }
  Telemetry& telemetry() { return telemetry_; }
  Strangers& strangers() { return strangers_; }
  ApplicationProfileTable& application_profiles() { return application_profiles_; }
  RestrictionTable& restrictions() { return restrictions_; }
  Attestations& attestations() { return attestations_; }
  const model::ModelMap& models() const { return *models_; }
  std::shared_ptr<const model::ModelMap> models_ptr() const { return models_; }
  std::uint64_t epoch() const { return epoch_; }

  std::shared_ptr<const Snapshot> snapshot() const;
  // Runs in the background (the store blocks); a bad change leaves the old snapshot in force.
  // Errors: configuration, store_unavailable.
  Result<std::uint64_t> apply(const Documents& changes);
  // What is on disk, in force or not. It blocks: in the background. Errors: store_unavailable.
  Result<Documents> stored_documents() const { return ports_.documents.load(); }
  // In the background, too: another catalogue, proven by the caller, for whatever comes from now
  // on; a request keeps the one that it started with. Gives the application profiles whose requests
  // are refused from now on, because what they keep to is not inside of the new rows. Errors:
  // configuration, store_unavailable.
  Result<std::vector<LostProfile>> publish(CatalogInForce catalog);

  std::vector<peer::PeerConfig> destinations_to_dial() const {
    return gateway::destinations_to_dial(config_, *snapshot()->catalog);
  }
  bool is_peer(const catalog::RegionId& region) const;
  // The row by which `source` may have this version of `profile` run here, in this Region's own
  // catalogue: in force, or an older one that is still admitted; null: there is none.
  const catalog::Row* row_to_here(const catalog::Catalog& catalog, std::string_view profile,
                                  std::uint32_t version, const catalog::RegionId& source) const;
  // Whether there is one of any profile. Two Regions that share no such row never talk.
  bool may_call_here(const catalog::Catalog& catalog, const catalog::RegionId& source) const;
  PeerCounters* counters(const catalog::RegionId& peer);

  // Wakes requests that wait for capacity, on every worker. From any thread.
  void capacity_changed();
  void add_worker(Worker* worker) { workers_.push_back(worker); }  // before any of them runs
  const std::vector<Worker*>& workers() const { return workers_; }

  bool draining() const { return draining_.load(std::memory_order_relaxed); }
  // An operator lets this Region take no new work, of its own callers or of peers.
  bool drained() const {
    return restrictions_.of(config_.region).kind >= routing::Withdrawn::drained;
  }
  void drain() { draining_.store(true, std::memory_order_relaxed); }
  std::atomic<std::size_t>& in_flight() { return in_flight_; }
  std::atomic<std::size_t>& body_bytes() { return body_bytes_; }
  std::atomic<std::uint32_t>& waiting() { return waiting_; }

  // True while this Region can serve: it can record, is not draining, and some model server answers
  // here or at a peer.
  bool can_serve() const;
  void service_event(std::string name, json::object details, Rng& rng);
  // Once for every catalogue that comes into force, and once a day (UTC): a log line and a service
  // event for each Region whose adequacy ends soon, and the metric. By one worker, every second.
  void watch_adequacy(Rng& rng);
  // After a change of restrictions(): metric, service event, and waiting requests look again.
  void restriction_began(const Restriction& restriction, Rng& rng);
  void restriction_ended(const Restriction& restriction, std::string event, json::object details,
                         Rng& rng);
  // After publish(): a log line and a service event, if there are any.
  void profiles_lost(const std::vector<LostProfile>& lost, Rng& rng);
  // The fence was touched: an alarm, a metric and a service event, at each side that notices.
  enum class Side : std::uint8_t { source, source_signer, destination };
  void geofence_violation(Side side, std::string_view rule, json::object facts, Rng& rng);
  // Somebody dialled the port of links and could not prove to be a peer. Counted like every
  // stranger, so that nobody can fill the disk with such attempts.
  void refused_at_links(std::string_view remote_address);
  // A signature that a peer sent is not to be believed; those that it owes and did not send in
  // time.
  void attestation_refused(const catalog::RegionId& peer, const Error& error, Rng& rng);
  void tell_overdue_attestations(Rng& rng);

 private:
  void write_event(log::Level level, std::string name, json::object details, Rng& rng);
  Region(RegionConfig config, CatalogInForce catalog, RegionPorts ports, std::uint64_t epoch);
  Result<std::shared_ptr<const Snapshot>> build(const CatalogInForce& catalog,
                                                const Documents& documents) const;
  const catalog::Row* row_to_here(const catalog::Profile& profile,
                                  const catalog::RegionId& source) const;
  void put_in_force(const std::shared_ptr<const Snapshot>& snapshot);
  RegionConfig config_;
  CatalogInForce catalog_;  // of the background thread
  RegionPorts ports_;
  std::uint64_t epoch_;
  std::shared_ptr<const model::ModelMap> models_;
  Telemetry telemetry_;
  Strangers strangers_;
  ApplicationProfileTable application_profiles_;
  RestrictionTable restrictions_;
  std::shared_ptr<peer::ReplayTable> replay_;
  Attestations attestations_;
  std::map<catalog::RegionId, PeerCounters> counters_;
  struct Refusals {
    MonoTime since{};
    std::size_t told = 0;
  };
  std::mutex refusals_mutex_;
  std::map<catalog::RegionId, Refusals> refusals_;  // of signatures, in this second
  mutable std::mutex snapshot_mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<Worker*> workers_;
  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> in_flight_{0};
  std::atomic<std::size_t> body_bytes_{0};
  std::atomic<std::uint32_t> waiting_{0};
  std::string adequacy_told_;  // of which catalogue, and on which day
};

}  // namespace tidegate::gateway
