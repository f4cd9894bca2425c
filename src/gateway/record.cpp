// Stage 8, record: exactly one record for each request of a known caller, refused ones included,
// before the last byte leaves. An opened entry is written before a byte leaves for a model, so that
// nothing that ran can go unrecorded.
#include <list>

#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/synced.hpp"
#include "gateway/trace.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

// Of Regions that the deployment does not run the row says all, of the chosen one the numbers do.
void add_decision(audit::Record& r, const Trail& trail, std::list<std::string>& sentences) {
  const auto& considered = trail.decision->considered;
  r.route_reason = routing::name_of(trail.decision->reason);
  for (const auto& candidate : considered) {
    if (candidate.verdict == routing::Verdict::not_deployed) continue;
    std::string_view sentence;
    if (candidate.verdict != routing::Verdict::chosen) {
      sentence = sentences.emplace_back(routing::sentence(candidate, trail.target->model_id));
    }
    r.considered.push_back({.region = candidate.region.str(),
                            .verdict = routing::name_of(candidate.verdict),
                            .sentence = sentence,
                            .free = candidate.free,
                            .rtt = candidate.rtt,
                            .report_age = candidate.report_age});
  }
}

// Where the model ran: the last attempt that reached one, also if its answer broke off.
void add_attempts(audit::Record& r, const Trail& trail) {
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
  r.attempts = trail.attempt_records;
}

std::string_view outcome_word(const Result<Answer>& outcome, const Trail& trail) {
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
  r.event_time = trail.arrived_wall;
  r.event_source = call.operation().event_source();
  r.event_name = call.operation().name;
  r.read_only = call.operation().read_only();
  r.source_region = region_.config().region.str();
  r.account = trail.principal->account();
  r.principal_arn = trail.principal->arn();
  r.principal_user_id = trail.principal->user_id();
  const bool long_term = trail.principal->credential() == identity::Credential::api_key;
  (long_term ? r.credential_id : r.access_key_id) = trail.principal->key_id();
  if (call.claim.short_term) r.credential_id = call.claim.short_term->id;
  r.source_ip = exchange.connection().remote_address;
  r.user_agent = head.headers.get("user-agent").value_or("");
  r.tls_version = exchange.connection().tls_version;
  r.tls_cipher = exchange.connection().tls_cipher;
  r.host_header = head.headers.get("host").value_or(head.authority);
  r.trace_id = trace_id(trail.traceparent);
  if (!trail.request_parameters.empty()) r.request_parameters = &trail.request_parameters;
  r.body_hash = &call.body_hash;
  r.bytes_in = static_cast<std::int64_t>(call.body.size());
  if (call.operation().is_invocation()) r.model_ref = call.model_reference;
  r.application_profile_arn = trail.application_profile_arn;
  if (trail.target) {
    r.application_profile_arn = trail.target->application_profile_arn;
    r.model_id = trail.target->model_id;
    r.row_hash = trail.target->row->hash();
    if (trail.target->profile) {
      r.profile_id = trail.target->profile->id;
      r.profile_version = trail.target->profile->version;
    }
  }
  r.opened = trail.opened;
  return r;
}

Journal::Append Pipeline::open_record(const http::Exchange& exchange, const Trail& trail) {
  return journal_.append(audit::Stage::opened, make_record(exchange, trail));
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
  CO_TRY(const audit::Log::Written closed, co_await close_record(exchange, trail, outcome));
  for (const auto& [region, leaf] : trail.attested) {
    region_.attestations().expect(attest::Of::attestations, region, leaf, trail.request_id);
  }
  if (region_.log().durability() == audit::Durability::strict) {
    co_return co_await synced(worker_.loop(), region_.log(), closed.ticket);
  }
  co_return Result<void>{};
}

Journal::Append Pipeline::close_record(const http::Exchange& exchange, const Trail& trail,
                                       const Result<Answer>& outcome) {
  audit::Record r = make_record(exchange, trail);
  const Duration duration = worker_.loop().now() - trail.arrived;
  std::string message;
  r.outcome = outcome_word(outcome, trail);
  r.http_status = 200;
  if (!outcome) {
    const Error& error = outcome.error();
    const aws::ErrorRow& row = aws::row_of(error.code);
    message = aws::full_message(error);
    r.error_code = row.type;
    r.error_message = message;
    r.tidegate_code = row.tidegate_code;
    if (!exchange.begun()) r.http_status = row.status;
  }
  if (trail.target) {
    const auto& destinations = trail.target->row->destinations();
    r.row.reserve(destinations.size());
    for (const auto& destination : destinations) r.row.push_back(destination.region().str());
    if (const auto* subset = trail.target->subset.get()) {
      for (const auto& region : subset->regions()) r.narrowed_to.push_back(region.str());
    }
  }
  add_attempts(r, trail);
  r.duration_ms = millis(duration);
  r.queue_ms = millis(trail.queued);
  std::list<std::string> sentences;  // what is viewed must not move
  if (trail.decision) add_decision(r, trail, sentences);
  if (trail.checked) r.policy_checks = trail.checked->text();

  region_.telemetry().request(
      {.operation = r.event_name,
       .profile = r.profile_id,
       .source_region = r.source_region,
       .inference_region = r.inference_region,
       .outcome = outcome ? "Success" : r.error_code,
       .reason = r.route_reason,
       .duration = duration,
       .first_byte = r.first_byte_ms < 0 ? Duration(-1)
                                         : Duration(std::chrono::milliseconds(r.first_byte_ms)),
       .input_tokens = r.usage.input_tokens,
       .output_tokens = r.usage.output_tokens});
  return journal_.append(audit::Stage::closed, r);
}

}  // namespace tidegate::gateway
