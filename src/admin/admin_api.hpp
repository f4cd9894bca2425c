// The admin API, on the Unix socket only: who may open the socket may do this. JSON in and out; the
// CLI is its client.
//   GET  /v1/status                       one screen of truth
//   GET  /v1/requests/{id}                the stored record of one request: what `explain` shows
//   GET  /v1/route?profile=P[&principal=ARN]   dry run: the row, where it would go now, and why
//   GET  /v1/service-events?max=N         GeofenceViolation and other facts that are not requests
//   GET  /v1/proof                        the fence proven over what is loaded, and its rows
//   POST /v1/restrictions                 cordon, drain or exclude a Region
//   POST /v1/restrictions/lift            and its undoing
//   GET  /v1/catalog                      the bundle in force: epoch, address, the file itself
//   POST /v1/catalog?accept=NAME@V,...    another bundle; first=true: where there is none yet
//   GET  /v1/documents                    versions, names and API keys' digests, never a secret
//   POST /v1/documents                    principals, keys, policies, grants; all or nothing
#pragma once

#include "admin/catalog_keeper.hpp"
#include "base/json.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"
#include "http/exchange.hpp"

namespace tidegate::admin {

class AdminApi final : public http::Handler {
 public:
  // Takes the certificates and trust bundles that the files have now, and says what is in force
  // then. It blocks. Errors: configuration; the old ones stay in force.
  using ReloadCertificates = std::function<Result<json::object>()>;
  AdminApi(gateway::Region& region, gateway::Worker& worker, CatalogKeeper& keeper,
           ReloadCertificates reload_certificates)
      : region_(region),
        worker_(worker),
        keeper_(keeper),
        reload_certificates_(std::move(reload_certificates)) {}
  Task<void> serve(http::Exchange& exchange) override;

 private:
  Task<Result<json::value>> answer(http::Exchange& exchange);
  json::object status() const;  // status.cpp
  Result<json::value> route(std::string_view query) const;
  Task<Result<json::value>> apply(http::Exchange& exchange);
  Task<Result<json::value>> restrict_region(http::Exchange& exchange);  // restrictions.cpp
  Task<Result<json::value>> lift_restriction(http::Exchange& exchange);
  Result<json::value> catalog() const;
  Task<Result<json::value>> apply_catalog(http::Exchange& exchange);
  json::object documents() const;
  Result<json::value> proof() const;
  json::object peer_status(const peer::PeerConfig& peer) const;

  gateway::Region& region_;
  gateway::Worker& worker_;
  CatalogKeeper& keeper_;
  ReloadCertificates reload_certificates_;
};

// The whole body of a request, as JSON. Errors: malformed_json, those of next_body().
Task<Result<json::value>> json_body(http::Exchange& exchange);

// Documents as JSON: what POST /v1/documents takes. Errors: configuration.
Result<gateway::Documents> documents_from_json(const json::value& value);
json::object documents_to_json(const gateway::Documents& documents);
json::object api_key_to_json(const identity::ApiKey& key);

}  // namespace tidegate::admin
