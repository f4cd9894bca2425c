#include "audit/entry.hpp"

#include "audit/implied.hpp"
#include "audit/json_writer.hpp"
#include "base/limits.hpp"

namespace tidegate::audit {
namespace {

using limits::audit_text_bytes_max;

// What is known before a model runs. Whatever follows from it (ARNs, the kind of identity) is left
// to who reads it.
void append_question(ObjectWriter& o, const Record& r) {
  o.text_unless(implied::event_source, R"("eventSource":)", r.event_source);
  o.text(R"("eventName":)", r.event_name);
  o.text(R"("region":)", r.source_region);
  o.text_unless(implied::account(r.principal_arn), R"("account":)", r.account);
  o.text(R"("arn":)", r.principal_arn);
  o.text_if(R"("userId":)", r.principal_user_id);
  o.text_if(R"("keyId":)", r.access_key_id);
  o.text_if(R"("credentialId":)", r.credential_id);
  o.foreign_if(R"("sourceIp":)", r.source_ip, audit_text_bytes_max);
  o.foreign_if(R"("userAgent":)", r.user_agent, limits::user_agent_bytes_max);
  if (r.model_ref != r.profile_id) {
    o.foreign_if(R"("model":)", r.model_ref, audit_text_bytes_max);
  }
  if (!r.profile_id.empty()) {
    o.text(R"("profile":)", r.profile_id);
    o.number(R"("version":)", r.profile_version);
  }
  o.text_if(R"("rowHash":)", r.row_hash);
  o.text_if(R"("applicationProfileArn":)", r.application_profile_arn);
  o.text_unless(implied::model_id(r.profile_id), R"("modelId":)", r.model_id);
  if (r.body_hash) append_hex(o.member(R"("bodySha256":)"), *r.body_hash);
  o.number(R"("bytesIn":)", r.bytes_in);
}

// Of the question, what the record of a request that a crash cut short can do without.
void append_circumstances(ObjectWriter& o, const Record& r) {
  if (r.read_only) o.member(R"("readOnly":true)");
  if (r.request_parameters) o.object_if(R"("parameters":)", *r.request_parameters);
  if (!r.row.empty()) append_array(o.member(R"("row":)"), r.row, append_text);
  if (!r.narrowed_to.empty())
    append_array(o.member(R"("narrowedTo":)"), r.narrowed_to, append_text);
  o.text_if(R"("tlsVersion":)", r.tls_version);
  o.text_if(R"("tlsCipher":)", r.tls_cipher);
  o.foreign_if(R"("host":)", r.host_header, audit_text_bytes_max);
  o.foreign_if(R"("traceId":)", r.trace_id, audit_text_bytes_max);
  if (r.request_metadata) o.object_if(R"("requestMetadata":)", *r.request_metadata);
}

// Whether what came of it is the record's answer.
bool answered(const AttemptRecord& attempt, const Record& r) {
  return attempt.outcome == implied::ran && attempt.region == r.inference_region &&
         attempt.bytes_received == r.bytes_out &&
         (attempt.first_byte_ms < 0) == (r.first_byte_ms < 0);
}

void append_attempt(Buffer& out, const AttemptRecord& attempt, const Record& r) {
  ObjectWriter o(out);
  const bool the_answer = answered(attempt, r);
  if (!the_answer) {
    o.text(R"("region":)", attempt.region);
    o.text(R"("outcome":)", attempt.outcome);
  }
  o.text_unless(r.route_reason, R"("reason":)", attempt.reason);
  const bool ran = attempt.outcome == implied::ran;
  o.text_unless(ran ? r.model_name : std::string_view{}, R"("modelName":)", attempt.model_name);
  o.number(R"("bytesSent":)", attempt.bytes_sent);
  if (!the_answer) o.number(R"("bytesReceived":)", attempt.bytes_received);
  o.number_if(R"("startMs":)", attempt.start_ms);
  if (attempt.first_byte_ms >= 0 && !(the_answer && attempt.first_byte_ms == r.first_byte_ms)) {
    o.number(R"("firstByteMs":)", attempt.first_byte_ms);
  }
  o.number(R"("totalMs":)", attempt.total_ms);
  o.foreign_if(R"("error":)", attempt.error, audit_text_bytes_max);
  if (attempt.token) append_hex(o.member(R"("token":)"), *attempt.token);
  if (attempt.attestation) {
    ObjectWriter attested(o.member(R"("attestation":)"));
    append_hex(attested.member(R"("answer":)"), attempt.attestation->answer);
    attested.foreign_if(R"("outcome":)", attempt.attestation->outcome, audit_text_bytes_max);
    attested.text_if(R"("row":)", attempt.attestation->row_hash);
    attested.number(R"("t":)", attempt.attestation->at_ms);
    attested.end();
  }
  o.end();
}

void append_considered(Buffer& out, const Considered& candidate, const Record& r) {
  ObjectWriter o(out);
  if (candidate.verdict != implied::chosen || candidate.region != r.inference_region) {
    o.text(R"("region":)", candidate.region);
    o.text(R"("verdict":)", candidate.verdict);
  }
  o.number(R"("free":)", candidate.free);
  if (candidate.rtt != Duration(0)) {
    append_millis(o.member(R"("rttMs":)"), candidate.rtt);
    o.number(R"("reportAgeMs":)", millis(candidate.report_age));
  }
  o.text_if(R"("sentence":)", candidate.sentence);
  o.end();
}

void append_answer(ObjectWriter& o, const Record& r) {
  o.text(R"("outcome":)", r.outcome);
  o.text_if(R"("errorCode":)", r.error_code);
  o.foreign_if(R"("errorMessage":)", r.error_message, audit_text_bytes_max);
  o.text_if(R"("tidegateCode":)", r.tidegate_code);
  const int implied_status = r.outcome == implied::success ? implied::success_status : 0;
  if (r.http_status != implied_status) o.number(R"("httpStatus":)", r.http_status);
  o.text(R"("inferenceRegion":)", r.inference_region);
  if (r.inference_region != "none") {
    o.text_if(R"("modelName":)", r.model_name);
    o.number(R"("inputTokens":)", r.usage.input_tokens);
    o.number(R"("outputTokens":)", r.usage.output_tokens);
    o.number_if(R"("cacheReadInputTokens":)", r.usage.cache_read_tokens);
    o.number_if(R"("cacheWriteInputTokens":)", r.usage.cache_write_tokens);
    o.foreign_if(R"("stopReason":)", r.stop_reason, audit_text_bytes_max);
    o.number(R"("bytesOut":)", r.bytes_out);
  }
  if (r.duration_ms >= 0) {
    o.number(R"("totalMs":)", r.duration_ms);
    if (r.first_byte_ms >= 0) o.number(R"("firstByteMs":)", r.first_byte_ms);
    o.number_if(R"("queueMs":)", r.queue_ms);
  }
  if (!r.attempts.empty()) {
    append_array(
        o.member(R"("attempts":)"), r.attempts,
        [&](Buffer& out, const AttemptRecord& attempt) { append_attempt(out, attempt, r); });
  }
  if (!r.route_reason.empty()) {
    o.text(R"("routeReason":)", r.route_reason);
    append_array(
        o.member(R"("considered":)"), r.considered,
        [&](Buffer& out, const Considered& candidate) { append_considered(out, candidate, r); });
  }
  if (!r.policy_checks.empty()) {
    Buffer& out = o.member(R"("policyChecks":)");
    const std::size_t start = out.size();
    out += r.policy_checks;
    replace_if_too_large(out, start);
  }
}

}  // namespace

void append_entry(Buffer& out, Stage stage, const Record& record, WallTime segment) {
  const std::size_t start = out.size();
  const bool opened = stage == Stage::opened;
  begin_frame(out, opened ? kind::opened : kind::closed, record.event_time, record.request_id);
  ObjectWriter entry(out);
  if (!opened && record.opened && record.opened->segment == segment) {
    entry.number(implied::opened_member, static_cast<std::int64_t>(record.opened->offset));
  } else {
    append_question(entry, record);
  }
  if (!opened) {
    append_circumstances(entry, record);
    append_answer(entry, record);
  }
  entry.end();
  end_frame(out, start);
}

void append_entry(Buffer& out, const ServiceEvent& service_event) {
  const std::size_t start = out.size();
  begin_frame(out, kind::service, service_event.event_time, service_event.event_id);
  ObjectWriter event(out);
  event.text(R"("eventVersion":)", event_version);
  append_time(event.member(R"("eventTime":)"), service_event.event_time, Precision::seconds);
  event.text(R"("eventSource":)", "tidegate");
  event.text(R"("eventName":)", service_event.event_name);
  event.text(R"("awsRegion":)", service_event.source_region);
  event.text(R"("eventID":)", service_event.event_id);
  event.text(R"("eventType":)", "AwsServiceEvent");
  event.object_if(R"("serviceEventDetails":)", service_event.details);
  ObjectWriter tidegate(event.member(R"("tidegate":)"));
  tidegate.number(R"("schemaVersion":)", schema_version);
  tidegate.end();
  event.end();
  end_frame(out, start);
}

void append_batch(Buffer& out, WallTime at, const Sha256& root, std::string_view json) {
  const std::size_t start = out.size();
  begin_frame(out, kind::batch, at, to_hex(root).substr(0, 32));
  out += json;
  end_frame(out, start);
}

void append_endorsement(Buffer& out, WallTime at, std::string_view key, std::string_view json) {
  const std::size_t start = out.size();
  begin_frame(out, kind::endorsement, at, key);
  out += json;
  end_frame(out, start);
}

std::string interrupted_line(const Frame& opened) {
  std::string body(opened.body.substr(0, opened.body.rfind('}')));
  body += R"(,"outcome":"Interrupted","errorCode":"InternalServerException",)"
          R"("errorMessage":"The gateway stopped before the answer was complete.",)"
          R"("inferenceRegion":"unknown"})";
  return frame_line(kind::closed, opened.time(), opened.id, body);
}

}  // namespace tidegate::audit
