#include "admin/admin_api.hpp"

#include <fmt/format.h>

#include <ranges>

#include "api/operations.hpp"
#include "aws/sigv4.hpp"
#include "catalog/limits.hpp"
#include "gateway/background.hpp"
#include "gateway/resolve.hpp"
#include "proof/report_json.hpp"

namespace tidegate::admin {
namespace {

constexpr std::size_t service_events_max = 1'000;

std::unexpected<Error> not_found(std::string what) {
  return fail(ErrorCode::resource_not_found, std::move(what));
}

Task<Result<std::string>> whole_body(http::Exchange& exchange) {
  std::string body;
  for (;;) {
    CO_TRY(std::string piece, co_await exchange.next_body());
    if (piece.empty()) co_return body;
    body += piece;
    if (body.size() > limits::catalog_bytes_max) {
      co_return fail(ErrorCode::body_too_large,
                     fmt::format("the body has more than {} bytes", limits::catalog_bytes_max));
    }
  }
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::resource_not_found:
    case ErrorCode::unknown_operation:
      return 404;
    case ErrorCode::store_unavailable:
    case ErrorCode::audit_unavailable:
      return 503;
    case ErrorCode::access_denied:
      return 403;
    case ErrorCode::internal:
      return 500;
    default:
      return 400;
  }
}

json::array considered(const routing::Decision& decision, std::string_view model_id) {
  json::array out;
  for (const auto& candidate : decision.considered) {
    out.push_back(json::object{{"region", candidate.region.str()},
                               {"verdict", std::string(routing::name_of(candidate.verdict))},
                               {"free", candidate.free},
                               {"rttMs", seconds(candidate.rtt) * 1000},
                               {"reportAgeMs", millis(candidate.report_age)},
                               {"sentence", routing::sentence(candidate, model_id)}});
  }
  return out;
}

}  // namespace

Task<Result<json::value>> json_body(http::Exchange& exchange) {
  CO_TRY(const std::string body, co_await whole_body(exchange));
  co_return json::parse(body);
}

Task<void> AdminApi::serve(http::Exchange& exchange) {
  auto result = co_await answer(exchange);
  http::ResponseHead head;
  std::string body;
  if (result) {
    body = json::serialize(*result);
  } else {
    const Error& error = result.error();
    head.status = status_of(error.code);
    body = json::serialize(json::object{{"error", json::object{{"code", name_of(error.code)},
                                                               {"message", error.message},
                                                               {"mend", error.mend}}}});
  }
  head.headers.add("content-type", "application/json");
  head.headers.add("content-length", std::to_string(body.size()));
  if (co_await exchange.begin(std::move(head))) co_await exchange.finish(std::move(body));
}

Task<Result<json::value>> AdminApi::answer(http::Exchange& exchange) {
  const http::RequestHead& head = exchange.head();
  const std::string_view path = head.path();
  constexpr std::string_view requests = "/v1/requests/";
  if (head.method == "GET" && path == "/v1/status") co_return status();
  if (head.method == "GET" && path == "/v1/route") co_return route(head.query());
  if (head.method == "GET" && path == "/v1/proof") {
    co_return co_await offload(worker_.loop(), region_.background(), [this] { return proof(); });
  }
  if (head.method == "GET" && path == "/v1/catalog") {
    co_return co_await offload(worker_.loop(), region_.background(), [this] { return catalog(); });
  }
  if (head.method == "POST" && path == "/v1/catalog") co_return co_await apply_catalog(exchange);
  if (head.method == "GET" && path == "/v1/documents") co_return documents();
  if (head.method == "POST" && path == "/v1/documents") co_return co_await apply(exchange);
  if (head.method == "POST" && path == "/v1/restrictions")
    co_return co_await restrict_region(exchange);
  if (head.method == "POST" && path == "/v1/restrictions/lift")
    co_return co_await lift_restriction(exchange);
  if (head.method == "POST" && path == "/v1/certificates") {
    CO_TRY(auto in_force,
           co_await offload(worker_.loop(), region_.background(), reload_certificates_));
    co_return json::value(std::move(in_force));
  }
  if (head.method == "GET" && path.starts_with(requests)) {
    const std::string id(path.substr(requests.size()));
    CO_TRY(auto record, co_await offload(worker_.loop(), region_.background(),
                                         [&] { return region_.log().find(id); }));
    if (!record)
      co_return not_found(
          fmt::format("{} has no record of request {}", region_.config().region.str(), id));
    co_return json::value(*std::move(record));
  }
  if (head.method == "GET" && path == "/v1/service-events") {
    CO_TRY(auto events, co_await offload(worker_.loop(), region_.background(), [&] {
             return region_.log().service_events(std::nullopt, service_events_max);
           }));
    json::array list;
    for (auto& event : events) list.push_back(std::move(event));
    co_return json::value(json::object{{"events", std::move(list)}});
  }
  co_return fail(ErrorCode::unknown_operation,
                 fmt::format("{} {} is not part of the admin API", head.method, path));
}

Result<json::value> AdminApi::route(std::string_view query) const {
  TRY(const api::Parameters parameters, api::parse_form(query));
  const auto profile = parameters.find("profile");
  if (profile == parameters.end())
    return fail(ErrorCode::validation, "the parameter \"profile\" is missing");
  const auto snapshot = region_.snapshot();
  const identity::PrincipalRecord* principal = nullptr;
  if (const auto arn = parameters.find("principal"); arn != parameters.end()) {
    principal = snapshot->keys.principal(arn->second);
    if (!principal) return not_found(fmt::format("there is no principal {}", arn->second));
  }
  TRY(gateway::Target target,
      worker_.pipeline().resolve(profile->second, principal ? principal->account : "000000000000",
                                 *snapshot));
  if (principal) TRY_VOID(gateway::narrow(target, *principal, *snapshot));
  const auto decision = routing::choose(
      *target.row,
      [&](const catalog::RegionId& r) {
        return worker_.signals(r, target.model_id, *target.row, *snapshot->catalog);
      },
      {.model_id = target.model_id, .tried = {}, .subset = target.subset.get()}, worker_.rng());
  json::array row;
  for (const auto& destination : target.row->destinations())
    row.push_back(json::value(destination.region().str()));
  json::object out{
      {"profile", profile->second},
      {"source", region_.config().region.str()},
      {"modelId", target.model_id},
      {"mode",
       catalog::name_of(target.profile ? target.profile->scope : catalog::Scope::in_region)},
      {"version", target.row->version()},
      {"rowHash", target.row->hash()},
      {"row", std::move(row)},
      {"destination", decision.destination ? json::value(decision.destination->region().str())
                                           : json::value(nullptr)},
      {"reason", std::string(routing::name_of(decision.reason))},
      {"considered", considered(decision, target.model_id)}};
  if (target.subset) {
    json::array narrowed;
    for (const auto& region : target.subset->regions()) narrowed.emplace_back(region.str());
    out["narrowedTo"] = std::move(narrowed);
  }
  if (target.legacy) out["lifecycle"] = api::lifecycle_sentence(*target.legacy);
  if (const auto* entry = region_.models().find(target.model_id))
    out["modelName"] = entry->config.name;
  if (principal) {
    const api::Operation converse{.id = api::OperationId::converse,
                                  .service = api::Service::bedrock_runtime,
                                  .name = "Converse",
                                  .method = {},
                                  .path = {}};
    const auto checked = worker_.pipeline().check(target, converse, {principal}, snapshot);
    json::array list;
    for (const auto& check : checked->all()) {
      list.push_back(json::object{{"resource", check.request.resource},
                                  {"requestedRegion", check.request.requested_region},
                                  {"allowed", check.decision.allowed()},
                                  {"policy", check.decision.policy},
                                  {"statement", check.decision.statement}});
    }
    out["policyChecks"] = std::move(list);
  }
  return json::value(std::move(out));
}

// Of the catalogue that routes here and of the one that admits here, which need not be the same;
// and of the application profiles and the principals that keep to a part of a row.
Result<json::value> AdminApi::proof() const {
  const auto snapshot = region_.snapshot();
  const auto& source = snapshot->catalog;
  TRY(proof::Report report, proof::prove({.source = source,
                                          .destination = snapshot->admission->catalog(),
                                          .document = source->document()},
                                         region_.clock()));
  TRY(const auto profiles, region_.application_profiles().both_sides());
  TRY(auto narrowed,
      proof::prove_narrowed(
          source, profiles.stored, region_.config().region,
          [&](std::string_view account, std::string_view id) { return profiles.find(account, id); },
          report));
  TRY(const auto documents, region_.stored_documents());
  TRY(auto of_principals,
      proof::prove_narrowed(documents, *snapshot, region_.config().region, report));
  json::object out = proof::to_json(report);
  out["narrowedProfiles"] = narrowed.size();
  out["narrowedPrincipalRows"] = of_principals.size();
  std::ranges::move(of_principals, std::back_inserter(narrowed));
  narrowed.resize(std::min(narrowed.size(), proof::narrowings_told_max));
  if (!narrowed.empty()) out["narrowedRows"] = proof::to_json(narrowed);
  out["region"] = region_.config().region.str();
  out["rows"] = proof::rows_json(*source);
  return json::value(std::move(out));
}

Result<json::value> AdminApi::catalog() const {
  TRY(std::string bundle, keeper_.stored());
  const auto snapshot = region_.snapshot();
  return json::value(
      json::object{{"region", region_.config().region.str()},
                   {"epoch", snapshot->catalog_epoch},
                   {"sha256", snapshot->bundle_sha256},
                   {"profiles", snapshot->catalog->profiles().size()},
                   {"regions", snapshot->catalog->regions().size()},
                   {"adequacyEnds", catalog::soon_json(*snapshot->catalog, region_.clock().wall())},
                   {"bundle", std::move(bundle)}});
}

Task<Result<json::value>> AdminApi::apply_catalog(http::Exchange& exchange) {
  CO_TRY(const api::Parameters parameters, api::parse_form(exchange.head().query()));
  CatalogOrder order;
  if (const auto accept = parameters.find("accept"); accept != parameters.end()) {
    for (const auto name : std::views::split(accept->second, ',')) {
      order.accepted.emplace_back(name.begin(), name.end());
    }
  }
  if (const auto first = parameters.find("first"); first != parameters.end()) {
    order.first = first->second == "true";
  }
  CO_TRY(order.text, co_await whole_body(exchange));
  std::vector<gateway::LostProfile> lost;
  auto applied = co_await offload(worker_.loop(), region_.background(), [&] {
    return keeper_.apply(order, [&](gateway::CatalogInForce catalog) -> Result<void> {
      TRY(lost, region_.publish(std::move(catalog)));
      return {};
    });
  });
  if (!applied) {
    region_.telemetry().catalog_refused(applied.error().why);
    co_return fail(std::move(applied).error());
  }
  region_.profiles_lost(lost, worker_.rng());
  json::array signers, widened, profiles_lost;
  for (const auto& one : lost | std::views::take(proof::narrowings_told_max))
    profiles_lost.push_back(json::object{{"arn", one.arn}, {"why", one.why}});
  for (const std::string& name : applied->signers) signers.emplace_back(name);
  for (const auto& change : applied->changes) {
    if (change.widens) widened.emplace_back(change.accepted_as());
  }
  co_return json::value(json::object{{"region", region_.config().region.str()},
                                     {"epoch", applied->in_force.epoch},
                                     {"sha256", applied->in_force.sha256},
                                     {"changes", applied->changes.size()},
                                     {"widened", std::move(widened)},
                                     {"profilesLost", std::move(profiles_lost)},
                                     {"signers", std::move(signers)}});
}

json::object AdminApi::documents() const {
  const auto snapshot = region_.snapshot();
  json::array policies;
  for (const auto& [name, document] : snapshot->policies) {
    policies.push_back(json::object{{"name", name}, {"statements", document.statements.size()}});
  }
  json::array api_keys;
  for (const auto& key : snapshot->keys.api_keys()) {
    json::object one = api_key_to_json(key);
    one["id"] = key.key_id;
    one["created"] = aws::iso8601(key.created);
    api_keys.push_back(std::move(one));
  }
  return {{"version", snapshot->version},
          {"policies", std::move(policies)},
          {"apiKeys", std::move(api_keys)}};
}

Task<Result<json::value>> AdminApi::apply(http::Exchange& exchange) {
  CO_TRY(const json::value parsed, co_await json_body(exchange));
  CO_TRY(gateway::Documents changes, documents_from_json(parsed));
  for (auto& key : changes.api_keys) key.created = region_.clock().wall();  // if it is a new one
  CO_TRY(const std::uint64_t version, co_await offload(worker_.loop(), region_.background(),
                                                       [&] { return region_.apply(changes); }));
  // An administrative act: ids only.
  json::array keys;
  for (const auto& key : changes.keys) keys.push_back(json::value(key.key_id));
  for (const auto& key : changes.api_keys) keys.push_back(json::value(key.key_id));
  json::array principals;
  for (const auto& principal : changes.principals) principals.push_back(json::value(principal.arn));
  json::array policies;
  for (const auto& policy : changes.policies) policies.push_back(json::value(policy.name));
  region_.service_event("DocumentsApplied",
                        {{"version", version},
                         {"keys", std::move(keys)},
                         {"principals", std::move(principals)},
                         {"policies", std::move(policies)}},
                        worker_.rng());
  co_return json::value(json::object{{"version", version},
                                     {"policies", changes.policies.size()},
                                     {"principals", changes.principals.size()},
                                     {"keys", changes.keys.size() + changes.api_keys.size()}});
}

}  // namespace tidegate::admin
