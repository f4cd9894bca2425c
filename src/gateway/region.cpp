#include "gateway/region.hpp"

#include <array>
#include <ranges>

#include "audit/join.hpp"
#include "aws/sigv4.hpp"
#include "gateway/limits.hpp"
#include "gateway/resolve.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

bool in_force(const catalog::Profile& profile, const RegionConfig& config) {
  return profile.scope != catalog::Scope::global || config.global_profiles == GlobalProfiles::on;
}

std::vector<catalog::RegionId> names_of(const std::vector<peer::PeerConfig>& peers) {
  std::vector<catalog::RegionId> out;
  for (const auto& peer : peers) out.push_back(peer.region);
  return out;
}

}  // namespace

Region::Region(RegionConfig config, CatalogInForce catalog, RegionPorts ports, std::uint64_t epoch)
    : config_(std::move(config)),
      catalog_(std::move(catalog)),
      ports_(ports),
      epoch_(epoch),
      models_(std::make_shared<model::ModelMap>(config_.backends, config_.models)),
      telemetry_(config_.region.str()),
      application_profiles_(ports_.profiles),
      restrictions_(ports_.restrictions, ports_.clock),
      replay_(std::make_shared<peer::ReplayTable>(limits::replay_entries)),
      attestations_(config_.region.str(), names_of(config_.peers), ports_.identity, ports_.log,
                    ports_.clock) {
  for (const auto& peer : config_.peers) counters_.try_emplace(peer.region);
}

Result<std::unique_ptr<Region>> Region::create(RegionConfig config, CatalogInForce catalog,
                                               RegionPorts ports, std::uint64_t epoch) {
  std::unique_ptr<Region> region(new Region(std::move(config), std::move(catalog), ports, epoch));
  TRY(const Documents documents, ports.documents.load());
  TRY(region->snapshot_, region->build(region->catalog_, documents));
  TRY_VOID(region->application_profiles_.load());
  TRY_VOID(region->restrictions_.load());
  for (const Restriction& restriction : region->restrictions_.all()) {
    region->telemetry_.restriction(restriction.region.str(), name_of(restriction.kind),
                                   Telemetry::InForce::yes);
  }
  region->telemetry_.catalog_epoch(region->catalog_.epoch);
  if (!region->config_.peers.empty()) {
    TRY(auto unattested, ports.log.unattested());
    region->attestations_.resume(std::move(unattested));
  }
  return region;
}

// The replay table outlives every catalogue: a token is used once, whatever was published
// meanwhile.
Result<std::shared_ptr<const Snapshot>> Region::build(const CatalogInForce& catalog,
                                                      const Documents& documents) const {
  return Snapshot::build(catalog, documents, config_, replay_);
}

std::shared_ptr<const Snapshot> Region::snapshot() const {
  std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

Result<std::uint64_t> Region::apply(const Documents& changes) {
  // Built once before it is stored, so that a document that cannot be read never reaches the store.
  TRY(const Documents stored, ports_.documents.load());
  TRY_VOID(build(catalog_, merge(stored, changes)));
  TRY(const Documents applied, ports_.documents.apply(changes));
  TRY(const auto built, build(catalog_, applied));
  put_in_force(built);
  return applied.version;
}

Result<std::vector<LostProfile>> Region::publish(CatalogInForce catalog) {
  TRY(const Documents stored, ports_.documents.load());
  TRY(const auto built, build(catalog, stored));
  auto lost = lost_profiles(application_profiles_.all(), config_.region, *snapshot(), *built,
                            ports_.clock.wall());
  catalog_ = std::move(catalog);
  put_in_force(built);
  telemetry_.catalog_epoch(catalog_.epoch);
  return lost;
}

void Region::put_in_force(const std::shared_ptr<const Snapshot>& snapshot) {
  {
    std::lock_guard lock(snapshot_mutex_);
    snapshot_ = snapshot;
  }
  for (Worker* worker : workers_) worker->adopt(snapshot);
}

std::vector<peer::PeerConfig> destinations_to_dial(const RegionConfig& config,
                                                   const catalog::Catalog& catalog) {
  std::vector<peer::PeerConfig> out;
  const auto profiles = catalog.profiles_from(config.region);
  for (const auto& peer : config.peers) {
    for (const catalog::Profile* profile : profiles) {
      if (in_force(*profile, config) && profile->row(config.region)->find(peer.region)) {
        out.push_back(peer);
        break;
      }
    }
  }
  return out;
}

const catalog::Row* Region::row_to_here(const catalog::Catalog& catalog, std::string_view profile,
                                        std::uint32_t version,
                                        const catalog::RegionId& source) const {
  const catalog::Profile* known = catalog.profile(profile, version);
  return known ? row_to_here(*known, source) : nullptr;
}

const catalog::Row* Region::row_to_here(const catalog::Profile& profile,
                                        const catalog::RegionId& source) const {
  const catalog::Row* row = in_force(profile, config_) ? profile.row(source) : nullptr;
  return row && row->find(config_.region) ? row : nullptr;
}

bool Region::may_call_here(const catalog::Catalog& catalog, const catalog::RegionId& source) const {
  const auto leads_here = [&](const catalog::Profile& profile) {
    return row_to_here(profile, source) != nullptr;
  };
  return std::ranges::any_of(catalog.profiles() | std::views::values, leads_here) ||
         std::ranges::any_of(catalog.earlier() | std::views::values | std::views::join, leads_here);
}

bool Region::is_peer(const catalog::RegionId& region) const {
  return counters_.contains(region);
}

PeerCounters* Region::counters(const catalog::RegionId& peer) {
  const auto found = counters_.find(peer);
  return found == counters_.end() ? nullptr : &found->second;
}

void Region::capacity_changed() {
  if (waiting_.load(std::memory_order_relaxed) == 0) return;
  for (Worker* worker : workers_) worker->wake_waiters();
}

bool Region::can_serve() const {
  if (draining() || !ports_.log.health().writable) return false;
  for (const auto& backend : models_->backends()) {
    if (backend->healthy() && !drained()) return true;
  }
  for (const Worker* worker : workers_) {
    if (worker->sees_a_ready_peer()) return true;
  }
  return false;
}

void Region::service_event(std::string name, json::object details, Rng& rng) {
  write_event(log::Level::info, std::move(name), std::move(details), rng);
}

void Region::profiles_lost(const std::vector<LostProfile>& lost, Rng& rng) {
  if (lost.empty()) return;
  json::array told;
  for (const LostProfile& one : lost | std::views::take(limits::lost_profiles_logged_max))
    told.push_back(json::object{{"arn", one.arn}, {"why", one.why}});
  write_event(
      log::Level::warn, "ApplicationProfilesLost",
      {{"epoch", snapshot()->catalog_epoch}, {"count", lost.size()}, {"profiles", std::move(told)}},
      rng);
}

void Region::watch_adequacy(Rng& rng) {
  const auto current = snapshot();
  const WallTime now = ports_.clock.wall();
  std::string told = current->catalog->digest() + aws::iso8601(now).substr(0, 10);
  if (told == adequacy_told_) return;
  adequacy_told_ = std::move(told);
  const auto ends = catalog::adequacy_ends(*current->catalog, now);
  telemetry_.adequacy(ends);
  for (const catalog::AdequacyEnd& end : ends) {
    if (!end.soon()) continue;
    write_event(log::Level::warn, end.days < 0 ? "AdequacyEnded" : "AdequacyEnds",
                catalog::to_json(end), rng);
  }
}

void Region::restriction_began(const Restriction& restriction, Rng& rng) {
  static constexpr std::array<const char*, 3> events{"RegionCordoned", "RegionDrained",
                                                     "RegionExcluded"};
  telemetry_.restriction(restriction.region.str(), name_of(restriction.kind),
                         Telemetry::InForce::yes);
  service_event(events[static_cast<std::size_t>(restriction.kind)], to_json(restriction), rng);
  capacity_changed();
}

void Region::restriction_ended(const Restriction& restriction, std::string event,
                               json::object details, Rng& rng) {
  telemetry_.restriction(restriction.region.str(), name_of(restriction.kind),
                         Telemetry::InForce::no);
  details["restriction"] = to_json(restriction);
  service_event(std::move(event), std::move(details), rng);
  capacity_changed();
}

void Region::geofence_violation(Side side, std::string_view rule, json::object facts, Rng& rng) {
  telemetry_.fence_refusal(side == Side::destination ? "destination" : "source", rule);
  facts["side"] = side == Side::destination     ? "destination"
                  : side == Side::source_signer ? "source-signer"
                                                : "source";
  facts["rule"] = rule;
  write_event(log::Level::warn, "GeofenceViolation", std::move(facts), rng);
}

void Region::refused_at_links(std::string_view remote_address) {
  telemetry_.fence_refusal("destination", "peer_identity");
  strangers_.count(remote_address, "peer_identity");
}

void Region::attestation_refused(const catalog::RegionId& peer, const Error& error, Rng& rng) {
  if (error.code == ErrorCode::audit_unavailable) {  // our disk, and not the peer
    log::error("batch_not_recorded", {{"peer", peer.str()}, {"why", error.message}});
    return;
  }
  telemetry_.attestations(peer.str(), "unknown", "refused", 1);
  {
    std::scoped_lock lock(refusals_mutex_);
    Refusals& refusals = refusals_[peer];
    const MonoTime now = clock().mono();
    if (refusals.told == 0 || now - refusals.since >= std::chrono::seconds(1)) refusals = {now, 0};
    if (++refusals.told > limits::refusals_told_max) return;  // nobody can fill the disk with them
  }
  write_event(log::Level::warn, "AttestationRefused",
              {{"peer", peer.str()}, {"why", error.why.empty() ? error.message : error.why}}, rng);
}

void Region::tell_overdue_attestations(Rng& rng) {
  for (const Attestations::Overdue& late : attestations_.overdue()) {
    telemetry_.attestations(late.peer.str(), attest::name_of(late.of), "missing", late.count);
    json::array ids, leaves;
    for (const std::string& id : late.request_ids) ids.emplace_back(id);
    for (const Sha256& leaf : late.leaves) leaves.emplace_back(to_base64url(view(leaf)));
    write_event(log::Level::warn, std::string(audit::attestation_missing_event),
                {{audit::missing_peer_member, late.peer.str()},
                 {audit::missing_of_member, attest::name_of(late.of)},
                 {"count", static_cast<std::int64_t>(late.count)},
                 {"requestIds", std::move(ids)},
                 {audit::missing_leaves_member, std::move(leaves)}},
                rng);
  }
}

void Region::write_event(log::Level level, std::string name, json::object details, Rng& rng) {
  log::write(level, name, {{"details", json::serialize(details)}});
  const auto written = ports_.log.append_service_event({.event_id = make_uuid(rng),
                                                        .event_time = ports_.clock.wall(),
                                                        .event_name = std::move(name),
                                                        .source_region = config_.region.str(),
                                                        .details = std::move(details)});
  if (!written) log::error("service_event_lost", {{"why", written.error().message}});
}

}  // namespace tidegate::gateway
