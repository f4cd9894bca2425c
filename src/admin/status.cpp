// GET /v1/status: one screen of truth.
#include <unistd.h>

#include "admin/admin_api.hpp"

namespace tidegate::admin {
namespace {

json::array backends_json(const model::ModelMap& models) {
  json::array out;
  for (const auto& backend : models.backends()) {
    out.push_back(json::object{{"name", backend->config().name},
                               {"healthy", backend->healthy()},
                               {"busy", backend->busy()},
                               {"slots", backend->config().slots}});
  }
  return out;
}

json::array models_json(const model::ModelMap& models) {
  json::array out;
  for (const auto& [id, entry] : models.entries()) {
    out.push_back(json::object{
        {"modelId", id}, {"name", entry.config.name}, {"backend", entry.config.backend}});
  }
  return out;
}

json::object audit_json(const audit::Log& log) {
  const auto health = log.health();
  return {{"writable", health.writable},
          {"entries", health.entries},
          {"unsynced", health.unsynced},
          {"lagMs", millis(health.oldest_unsynced)},
          {"lastError", health.last_error}};
}

std::string_view state_of(const gateway::Region& region) {
  return region.draining()     ? "draining"
         : !region.can_serve() ? "unavailable"
         : region.drained()    ? "drained"
                               : "ready";
}

}  // namespace

json::object AdminApi::peer_status(const peer::PeerConfig& peer) const {
  json::array models;
  json::object out{{"region", peer.region.str()}};
  bool dialled = false;
  for (const auto& destination : region_.destinations_to_dial())
    dialled |= destination.region == peer.region;
  out["dialled"] = dialled;
  out["link"] = worker_.links().channel(peer.region) ? "up" : dialled ? "down" : "none";
  out["rttMs"] = seconds(worker_.links().rtt(peer.region)) * 1000;
  for (const auto& [model_id, entry] : region_.models().entries()) {
    const auto signals = worker_.signals(peer.region, model_id);
    out["reportAgeMs"] = millis(signals.report_age);
    models.push_back(json::object{{"modelId", model_id},
                                  {"ready", signals.ready},
                                  {"slots", signals.slots},
                                  {"busy", signals.busy},
                                  {"waiting", signals.waiting}});
  }
  out["models"] = std::move(models);
  return out;
}

json::object AdminApi::status() const {
  json::array peers, restrictions;
  for (const auto& peer : region_.config().peers) peers.push_back(peer_status(peer));
  for (const auto& restriction : region_.restrictions().all())
    restrictions.push_back(gateway::to_json(restriction));
  const auto snapshot = region_.snapshot();
  return {{"region", region_.config().region.str()},
          {"status", state_of(region_)},
          {"process", ::getpid()},
          {"workers", region_.workers().size()},
          {"documentsVersion", snapshot->version},
          {"applicationProfiles", region_.application_profiles().size()},
          {"catalogDigest", snapshot->catalog->digest()},
          {"catalogEpoch", snapshot->catalog_epoch},
          {"bundleSha256", snapshot->bundle_sha256},
          {"globalProfiles",
           region_.config().global_profiles == gateway::GlobalProfiles::on ? "on" : "off"},
          {"inFlight", region_.in_flight().load()},
          {"waiting", region_.waiting().load()},
          {"backends", backends_json(region_.models())},
          {"models", models_json(region_.models())},
          {"peers", std::move(peers)},
          {"restrictions", std::move(restrictions)},
          {"adequacyEnds", catalog::soon_json(*snapshot->catalog, region_.clock().wall())},
          {"audit", audit_json(region_.log())}};
}

}  // namespace tidegate::admin
