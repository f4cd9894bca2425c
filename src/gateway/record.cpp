// Stage 8, record: exactly one record for each request of a known caller, refused ones included,
// before the last byte leaves. An opened entry is written before a byte leaves for a model, so that
// nothing that ran can go unrecorded.
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/synced.hpp"
#include "gateway/trace.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

json::array considered_json(const routing::Decision& decision, std::string_view model_id) {
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

json::array checks_json(const std::vector<policy::Check>& checks) {
  static constexpr std::string_view outcomes[] = {"allowed", "explicitDeny", "implicitDeny"};
  json::array out;
  for (const auto& check : checks) {
    out.push_back(
        json::object{{"resource", check.request.resource},
                     {"requestedRegion", check.request.requested_region},
                     {"outcome", outcomes[static_cast<std::size_t>(check.decision.outcome)]},
                     {"policy", check.decision.policy},
                     {"statement", check.decision.statement}});
  }
  return out;
}

std::string outcome_word(const Result<Answer>& outcome, const Trail& trail) {
  if (outcome) return "Success";
  if (outcome.error().code == ErrorCode::cancelled) return "Cancelled";
  return trail.attempts.empty() ? "Refused" : "Failed";
}

}  // namespace

audit::Record Pipeline::make_record(const http::Exchange& exchange, const Trail& trail) const {
  audit::Record r;
  const http::RequestHead& head = exchange.head();
  const Call& call = *trail.call;
  r.request_id = trail.request_id;
  r.event_id = trail.event_id;
  r.event_time = trail.arrived_wall;
  r.event_source = call.operation().event_source();
  r.event_name = call.operation().name;
  r.read_only = call.operation().read_only();
  r.source_region = region_.config().region.str();
  r.account = trail.principal->account();
  r.principal_arn = trail.principal->arn();
  r.principal_user_id = trail.principal->user_id();
  r.access_key_id = trail.principal->key_id();
  r.source_ip = exchange.connection().remote_address;
  r.user_agent = head.headers.get("user-agent").value_or("");
  r.tls_version = exchange.connection().tls_version;
  r.tls_cipher = exchange.connection().tls_cipher;
  r.host_header = head.headers.get("host").value_or(head.authority);
  r.trace_id = trace_id(trail.traceparent);
  r.request_parameters = trail.request_parameters;
  r.body_sha256 = to_hex(call.body_hash);
  r.bytes_in = static_cast<std::int64_t>(call.body.size());
  if (call.operation().is_invocation()) r.model_ref = call.match.path_parameters.begin()->second;
  if (trail.target) {
    r.model_id = trail.target->model_id;
    r.row_hash = trail.target->row->hash();
    if (trail.target->profile) {
      r.profile_id = trail.target->profile->id;
      r.profile_version = trail.target->profile->version;
    }
    for (const auto& destination : trail.target->row->destinations())
      r.row.push_back(destination.region().str());
  }
  return r;
}

Result<void> Pipeline::open_record(const http::Exchange& exchange, Trail& trail) {
  trail.event_id = make_uuid(worker_.rng());
  TRY_VOID(region_.log().append_opened(make_record(exchange, trail)));
  trail.opened = true;
  return {};
}

Task<Result<void>> Pipeline::record(const http::Exchange& exchange, Trail& trail,
                                    const Result<Answer>& outcome) {
  if (!trail.principal) {
    // A stranger: counted, not written.
    if (!outcome) {
      region_.strangers().count(exchange.connection().remote_address,
                                name_of(outcome.error().code));
      region_.telemetry().unidentified(name_of(outcome.error().code));
    }
    co_return Result<void>{};
  }
  if (trail.event_id.empty()) trail.event_id = make_uuid(worker_.rng());
  audit::Record r = make_record(exchange, trail);
  const MonoTime now = worker_.loop().now();
  r.outcome = outcome_word(outcome, trail);
  r.http_status = 200;
  if (!outcome) {
    const Error& error = outcome.error();
    const aws::ErrorRow& row = aws::row_of(error.code);
    r.error_code = row.type;
    r.error_message = aws::full_message(error);
    r.tidegate_code = row.tidegate_code;
    if (!exchange.begun()) r.http_status = row.status;
  }
  // Where the model ran: the last attempt that reached one, also if its answer broke off.
  for (std::size_t i = 0; i < trail.attempts.size(); ++i) {
    const model::Attempt& attempt = trail.attempts[i];
    if (!attempt.ok() && attempt.first_byte == MonoTime{}) continue;
    r.inference_region = trail.attempt_records[i].region;
    r.model_name = attempt.model_name;
    r.usage = {attempt.usage.input_tokens, attempt.usage.output_tokens,
               attempt.usage.cache_read_tokens, attempt.usage.cache_write_tokens};
    r.stop_reason = attempt.stop_reason;
    r.bytes_out = attempt.bytes_received;
    r.first_byte_ms =
        attempt.first_byte == MonoTime{} ? -1 : millis(attempt.first_byte - trail.arrived);
  }
  r.duration_ms = millis(now - trail.arrived);
  r.queue_ms = millis(trail.queued);
  r.attempts = trail.attempt_records;
  if (trail.decision) {
    r.route_reason = routing::name_of(trail.decision->reason);
    r.considered = considered_json(*trail.decision, trail.target->model_id);
  }
  if (trail.checks) r.policy_checks = checks_json(*trail.checks);

  region_.telemetry().request(
      {.operation = r.event_name,
       .profile = r.profile_id,
       .source_region = r.source_region,
       .inference_region = r.inference_region,
       .outcome = outcome ? "Success" : r.error_code,
       .reason = r.route_reason,
       .duration = now - trail.arrived,
       .first_byte = r.first_byte_ms < 0 ? Duration(-1)
                                         : Duration(std::chrono::milliseconds(r.first_byte_ms)),
       .input_tokens = r.usage.input_tokens,
       .output_tokens = r.usage.output_tokens});
  CO_TRY(const std::uint64_t ticket, region_.log().append_closed(r));
  if (region_.log().durability() == audit::Durability::strict) {
    co_return co_await synced(worker_.loop(), region_.log(), ticket);
  }
  co_return Result<void>{};
}

}  // namespace tidegate::gateway
