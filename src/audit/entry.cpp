#include "audit/entry.hpp"

#include "audit/digest.hpp"
#include "audit/json_writer.hpp"
#include "aws/arn.hpp"
#include "base/limits.hpp"

namespace tidegate::audit {
namespace {

using limits::audit_text_bytes_max;

constexpr std::string_view event_version = "1.11";  // CloudTrail's

void append_identity(Buffer& out, const Record& r) {
  // "arn:aws:iam::111122223333:user/path/demo": the type is the resource's first word, the name its
  // last.
  const std::string_view resource = r.principal_arn.substr(r.principal_arn.rfind(':') + 1);
  ObjectWriter identity(out);
  identity.text(R"("type":)", resource == "root"                        ? "Root"
                              : resource.starts_with("assumed-role/")   ? "AssumedRole"
                              : resource.starts_with("federated-user/") ? "FederatedUser"
                                                                        : "IAMUser");
  identity.text_if(R"("principalId":)", r.principal_user_id);
  identity.text(R"("arn":)", r.principal_arn);
  identity.text(R"("accountId":)", r.account);
  identity.text_if(R"("accessKeyId":)", r.access_key_id);
  if (const auto slash = resource.rfind('/'); slash != std::string_view::npos) {
    identity.text(R"("userName":)", resource.substr(slash + 1));
  }
  identity.end();
}

void append_parameters(Buffer& out, const Record& r) {
  ObjectWriter event(out);
  if (!r.model_ref.empty()) {
    event.foreign_if(R"("modelId":)", r.model_ref, audit_text_bytes_max);
  }
  if (r.request_parameters) {
    for (const auto& member : *r.request_parameters) {
      append_foreign(event.member(""), member.key(), audit_text_bytes_max);
      out += ':';
      append_value(out, member.value());
    }
  }
  event.end();
}

void append_resources(ObjectWriter& event, const Record& r) {
  if (r.model_arn.empty() && r.profile_arn.empty() && r.application_profile_arn.empty()) return;
  Buffer& out = event.member(R"("resources":[)");
  const auto resource = [&](std::string_view type, std::string_view arn) {
    if (arn.empty()) return;
    if (out.back() != '[') out += ',';
    ObjectWriter one(out);
    one.text(R"("ARN":)", arn);
    one.text(R"("type":)", type);
    one.end();
  };
  resource("AWS::Bedrock::ApplicationInferenceProfile", r.application_profile_arn);
  resource("AWS::Bedrock::InferenceProfile", r.profile_arn);
  resource("AWS::Bedrock::FoundationModel", r.model_arn);
  out += ']';
}

bool has_run(const Record& r) {
  return r.inference_region != "none" && r.inference_region != "unknown";
}

void append_usage(ObjectWriter& owner, const Usage& usage) {
  ObjectWriter out(owner.member(R"("usage":)"));
  out.number(R"("inputTokens":)", usage.input_tokens);
  out.number(R"("outputTokens":)", usage.output_tokens);
  out.number_if(R"("cacheReadInputTokens":)", usage.cache_read_tokens);
  out.number_if(R"("cacheWriteInputTokens":)", usage.cache_write_tokens);
  out.end();
}

void append_attempt(Buffer& out, const AttemptRecord& attempt) {
  ObjectWriter o(out);
  o.text(R"("region":)", attempt.region);
  o.text(R"("outcome":)", attempt.outcome);
  o.text_if(R"("reason":)", attempt.reason);
  o.text_if(R"("modelName":)", attempt.model_name);
  o.number(R"("bytesSent":)", attempt.bytes_sent);
  o.number(R"("bytesReceived":)", attempt.bytes_received);
  o.number(R"("startMs":)", attempt.start_ms);
  if (attempt.first_byte_ms >= 0) o.number(R"("firstByteMs":)", attempt.first_byte_ms);
  o.number(R"("totalMs":)", attempt.total_ms);
  o.foreign_if(R"("error":)", attempt.error, audit_text_bytes_max);
  o.end();
}

// What is known before a model runs.
void append_question(ObjectWriter& o, const Record& r) {
  o.number(R"("schemaVersion":)", schema_version);
  append_time(o.member(R"("arrivedAt":)"), r.event_time, Precision::millis);
  if (!r.profile_id.empty()) {
    ObjectWriter profile(o.member(R"("profile":)"));
    profile.text(R"("id":)", r.profile_id);
    profile.number(R"("version":)", r.profile_version);
    profile.text(R"("rowHash":)", r.row_hash);
    if (!r.row.empty()) append_array(profile.member(R"("row":)"), r.row, append_text);
    profile.end();
  } else if (!r.row.empty()) {
    append_array(o.member(R"("row":)"), r.row, append_text);
  }
  o.text_if(R"("applicationProfileArn":)", r.application_profile_arn);
  o.text_if(R"("modelId":)", r.model_id);
  if (r.body_hash) append_hex(o.member(R"("bodySha256":)"), *r.body_hash);
  o.number(R"("bytesIn":)", r.bytes_in);
  o.foreign_if(R"("traceId":)", r.trace_id, audit_text_bytes_max);
  if (r.request_metadata) o.object_if(R"("requestMetadata":)", *r.request_metadata);
}

void append_considered(Buffer& out, const Considered& candidate) {
  ObjectWriter o(out);
  o.text(R"("region":)", candidate.region);
  o.text(R"("verdict":)", candidate.verdict);
  o.number(R"("free":)", candidate.free);
  if (candidate.rtt != Duration(0)) {
    append_value(o.member(R"("rttMs":)"), json::value(seconds(candidate.rtt) * 1000));
    o.number(R"("reportAgeMs":)", millis(candidate.report_age));
  }
  o.text_if(R"("sentence":)", candidate.sentence);
  o.end();
}

void append_answer(ObjectWriter& o, const Record& r) {
  o.text(R"("outcome":)", r.outcome);
  o.text_if(R"("tidegateCode":)", r.tidegate_code);
  o.number_if(R"("httpStatus":)", r.http_status);
  if (has_run(r)) {
    o.text_if(R"("modelName":)", r.model_name);
    append_usage(o, r.usage);
    o.foreign_if(R"("stopReason":)", r.stop_reason, audit_text_bytes_max);
    o.number(R"("bytesOut":)", r.bytes_out);
  }
  if (r.duration_ms >= 0) {
    ObjectWriter durations(o.member(R"("durations":)"));
    durations.number(R"("totalMs":)", r.duration_ms);
    if (r.first_byte_ms >= 0) durations.number(R"("firstByteMs":)", r.first_byte_ms);
    durations.number(R"("queueMs":)", r.queue_ms);
    durations.end();
  }
  append_array(o.member(R"("attempts":)"), r.attempts, append_attempt);
  if (!r.route_reason.empty()) {
    ObjectWriter decision(o.member(R"("decision":)"));
    decision.text(R"("reason":)", r.route_reason);
    append_array(decision.member(R"("considered":)"), r.considered, append_considered);
    decision.end();
  }
  if (!r.policy_checks.empty()) {
    Buffer& out = o.member(R"("policyChecks":)");
    const std::size_t start = out.size();
    out += r.policy_checks;
    replace_if_too_large(out, start);
  }
}

void append_additional(ObjectWriter& event, const Record& r) {
  ObjectWriter o(event.member(R"("additionalEventData":)"));
  o.text(R"("inferenceRegion":)", r.inference_region);
  if (has_run(r)) {
    o.number(R"("inputTokens":)", r.usage.input_tokens);
    o.number(R"("outputTokens":)", r.usage.output_tokens);
  }
  o.end();
}

void append_tls(ObjectWriter& event, const Record& r) {
  if (r.tls_version.empty() && r.host_header.empty()) return;
  ObjectWriter tls(event.member(R"("tlsDetails":)"));
  tls.text_if(R"("tlsVersion":)", r.tls_version);
  tls.text_if(R"("cipherSuite":)", r.tls_cipher);
  tls.foreign_if(R"("clientProvidedHostHeader":)", r.host_header, audit_text_bytes_max);
  tls.end();
}

// What append_document() cannot do without.
void append_opened(Buffer& out, const Record& r) {
  ObjectWriter o(out);
  o.text(R"("eventId":)", r.event_id);
  o.text(R"("eventSource":)", r.event_source);
  o.text(R"("eventName":)", r.event_name);
  o.text(R"("region":)", r.source_region);
  o.text(R"("account":)", r.account);
  o.text(R"("arn":)", r.principal_arn);
  o.text(R"("userId":)", r.principal_user_id);
  o.text(R"("keyId":)", r.access_key_id);
  o.foreign_if(R"("sourceIp":)", r.source_ip, audit_text_bytes_max);
  o.foreign_if(R"("userAgent":)", r.user_agent, limits::user_agent_bytes_max);
  if (r.model_ref != r.profile_id) {
    o.foreign_if(R"("model":)", r.model_ref, audit_text_bytes_max);
  }
  if (!r.profile_id.empty()) {
    o.text(R"("profile":)", r.profile_id);
    o.number(R"("version":)", r.profile_version);
    o.text(R"("rowHash":)", r.row_hash);
  }
  o.text_if(R"("applicationProfileArn":)", r.application_profile_arn);
  o.text(R"("modelId":)", r.model_id);
  if (r.body_hash) append_hex(o.member(R"("bodySha256":)"), *r.body_hash);
  o.number(R"("bytesIn":)", r.bytes_in);
  o.end();
}

}  // namespace

void append_entry(Buffer& out, Stage stage, const Record& record) {
  const std::size_t start = out.size();
  const bool opened = stage == Stage::opened;
  begin_frame(out, opened ? kind::opened : kind::closed, record.event_time, record.request_id);
  if (opened) {
    append_opened(out, record);
  } else {
    append_document(out, record);
  }
  end_frame(out, start);
}

void append_document(Buffer& out, const Record& r) {
  ObjectWriter event(out);
  event.text(R"("eventVersion":)", event_version);
  append_identity(event.member(R"("userIdentity":)"), r);
  append_time(event.member(R"("eventTime":)"), r.event_time, Precision::seconds);
  event.text(R"("eventSource":)", r.event_source);
  event.text(R"("eventName":)", r.event_name);
  event.text(R"("awsRegion":)", r.source_region);
  event.foreign_if(R"("sourceIPAddress":)", r.source_ip, audit_text_bytes_max);
  event.foreign_if(R"("userAgent":)", r.user_agent, limits::user_agent_bytes_max);
  event.text_if(R"("errorCode":)", r.error_code);
  event.foreign_if(R"("errorMessage":)", r.error_message, audit_text_bytes_max);
  const std::size_t parameters = event.member(R"("requestParameters":)").size();
  append_parameters(out, r);
  replace_if_too_large(out, parameters);
  event.member(R"("responseElements":null)");
  append_additional(event, r);
  event.text(R"("requestID":)", r.request_id);
  event.text(R"("eventID":)", r.event_id);
  event.member(R"("readOnly":)") += std::string_view(r.read_only ? "true" : "false");
  append_resources(event, r);
  event.member(R"("eventType":"AwsApiCall","managementEvent":true)");
  event.text(R"("recipientAccountId":)", r.account);
  event.member(R"("eventCategory":"Management")");
  append_tls(event, r);

  ObjectWriter tidegate(event.member(R"("tidegate":)"));
  append_question(tidegate, r);
  append_answer(tidegate, r);
  tidegate.end();
  event.end();
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

Result<std::string> unfinished_document(const Frame& opened, Unfinished how) {
  TRY(const json::value document, json::parse(opened.body));
  const json::object* o = document.if_object();
  if (!o) return fail(ErrorCode::malformed_json, "an opened entry is an object");
  const auto text = [&](std::string_view name) { return json::find_string(*o, name).value_or(""); };
  Record r;
  r.request_id = opened.id;
  r.event_time = opened.time();
  r.event_id = text("eventId");
  r.event_source = text("eventSource");
  r.event_name = text("eventName");
  r.source_region = text("region");
  r.account = text("account");
  r.principal_arn = text("arn");
  r.principal_user_id = text("userId");
  r.access_key_id = text("keyId");
  r.source_ip = text("sourceIp");
  r.user_agent = text("userAgent");
  r.profile_id = text("profile");
  r.model_ref = json::find_string(*o, "model").value_or(r.profile_id);
  r.profile_version = static_cast<std::uint32_t>(json::find_int(*o, "version").value_or(0));
  r.row_hash = text("rowHash");
  r.application_profile_arn = text("applicationProfileArn");
  r.model_id = text("modelId");
  r.bytes_in = json::find_int(*o, "bytesIn").value_or(0);
  const auto hash = find_digest(*o, "bodySha256");
  if (hash) r.body_hash = &*hash;
  std::string profile_arn, model_arn;
  if (!r.profile_id.empty()) {
    profile_arn = aws::inference_profile_arn(r.source_region, r.account, r.profile_id);
  }
  if (!r.model_id.empty()) model_arn = aws::foundation_model_arn(r.source_region, r.model_id);
  r.profile_arn = profile_arn;
  r.model_arn = model_arn;
  r.inference_region = "unknown";
  r.outcome = "InProgress";
  if (how == Unfinished::interrupted) {
    r.outcome = "Interrupted";
    r.error_code = "InternalServerException";
    r.error_message = "The gateway stopped before the answer was complete.";
  }
  Buffer out;
  append_document(out, r);
  return std::string(out.view());
}

}  // namespace tidegate::audit
