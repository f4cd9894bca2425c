#include "audit/entry.hpp"

#include "audit/json_writer.hpp"
#include "aws/arn.hpp"
#include "base/limits.hpp"

namespace tidegate::audit {
namespace {

using limits::audit_text_bytes_max;

constexpr std::string_view event_version = "1.11";  // CloudTrail's

void append_identity(std::string& out, const Record& r) {
  // "arn:aws:iam::111122223333:user/path/demo": the type is the resource's first word, the name its
  // last.
  const std::string_view resource =
      std::string_view(r.principal_arn).substr(r.principal_arn.rfind(':') + 1);
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

void append_parameters(std::string& out, const Record& r) {
  ObjectWriter event(out);
  if (!r.model_ref.empty() && !r.request_parameters.contains("modelId")) {
    event.foreign_if(R"("modelId":)", r.model_ref, audit_text_bytes_max);
  }
  for (const auto& member : r.request_parameters) {
    std::string name;
    append_foreign(name, member.key(), audit_text_bytes_max);
    append_value(event.member(name += ':'), member.value());
  }
  event.end();
}

void append_resources(ObjectWriter& event, const Record& r) {
  struct Resource {
    std::string_view type;
    std::string arn;
  };
  std::vector<Resource> resources;
  if (!r.application_profile_arn.empty()) {
    resources.emplace_back("AWS::Bedrock::ApplicationInferenceProfile", r.application_profile_arn);
  }
  if (!r.profile_id.empty()) {
    resources.emplace_back("AWS::Bedrock::InferenceProfile",
                           aws::inference_profile_arn(r.source_region, r.account, r.profile_id));
  }
  if (!r.model_id.empty()) {
    resources.emplace_back("AWS::Bedrock::FoundationModel",
                           aws::foundation_model_arn(r.source_region, r.model_id));
  }
  if (resources.empty()) return;
  append_array(event.member(R"("resources":)"), resources, [](std::string& out, const auto& item) {
    ObjectWriter resource(out);
    resource.text(R"("ARN":)", item.arn);
    resource.text(R"("type":)", item.type);
    resource.end();
  });
}

void append_usage(ObjectWriter& owner, const Usage& usage) {
  ObjectWriter out(owner.member(R"("usage":)"));
  out.number(R"("inputTokens":)", usage.input_tokens);
  out.number(R"("outputTokens":)", usage.output_tokens);
  out.number(R"("cacheReadInputTokens":)", usage.cache_read_tokens);
  out.number(R"("cacheWriteInputTokens":)", usage.cache_write_tokens);
  out.end();
}

void append_attempt(std::string& out, const AttemptRecord& attempt) {
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
    append_array(profile.member(R"("row":)"), r.row, append_text);
    profile.end();
  } else if (!r.row.empty()) {
    append_array(o.member(R"("row":)"), r.row, append_text);
  }
  o.text_if(R"("applicationProfileArn":)", r.application_profile_arn);
  o.text_if(R"("modelId":)", r.model_id);
  o.text_if(R"("bodySha256":)", r.body_sha256);
  o.number(R"("bytesIn":)", r.bytes_in);
  o.foreign_if(R"("traceId":)", r.trace_id, audit_text_bytes_max);
  o.object_if(R"("requestMetadata":)", r.request_metadata);
}

void append_answer(ObjectWriter& o, const Record& r) {
  o.text(R"("outcome":)", r.outcome);
  o.text_if(R"("tidegateCode":)", r.tidegate_code);
  o.number(R"("httpStatus":)", r.http_status);
  o.text_if(R"("modelName":)", r.model_name);
  append_usage(o, r.usage);
  o.foreign_if(R"("stopReason":)", r.stop_reason, audit_text_bytes_max);
  o.number(R"("bytesOut":)", r.bytes_out);
  ObjectWriter durations(o.member(R"("durations":)"));
  durations.number(R"("totalMs":)", r.duration_ms);
  if (r.first_byte_ms >= 0) durations.number(R"("firstByteMs":)", r.first_byte_ms);
  durations.number(R"("queueMs":)", r.queue_ms);
  durations.end();
  append_array(o.member(R"("attempts":)"), r.attempts, append_attempt);
  if (!r.route_reason.empty() || !r.considered.empty()) {
    ObjectWriter decision(o.member(R"("decision":)"));
    decision.text(R"("reason":)", r.route_reason);
    decision.array_if(R"("considered":)", r.considered);
    decision.end();
  }
}

void append_additional(ObjectWriter& event, const Record& r, Stage stage) {
  ObjectWriter o(event.member(R"("additionalEventData":)"));
  o.text(R"("inferenceRegion":)", r.inference_region);
  if (stage == Stage::closed && r.inference_region != "none") {
    o.number(R"("inputTokens":)", r.usage.input_tokens);
    o.number(R"("outputTokens":)", r.usage.output_tokens);
    o.text_if(R"("modelName":)", r.model_name);
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

}  // namespace

void append_document(std::string& out, const Record& r, Stage stage) {
  ObjectWriter event(out);
  event.text(R"("eventVersion":)", event_version);
  append_identity(event.member(R"("userIdentity":)"), r);
  append_time(event.member(R"("eventTime":)"), r.event_time, Precision::seconds);
  event.text(R"("eventSource":)", r.event_source);
  event.text(R"("eventName":)", r.event_name);
  event.text(R"("awsRegion":)", r.source_region);
  event.foreign_if(R"("sourceIPAddress":)", r.source_ip, audit_text_bytes_max);
  event.foreign_if(R"("userAgent":)", r.user_agent, limits::user_agent_bytes_max);
  if (stage == Stage::closed) {
    event.text_if(R"("errorCode":)", r.error_code);
    event.foreign_if(R"("errorMessage":)", r.error_message, audit_text_bytes_max);
  }
  const std::size_t parameters = event.member(R"("requestParameters":)").size();
  append_parameters(out, r);
  replace_if_too_large(out, parameters);
  event.member(R"("responseElements":null)");
  append_additional(event, r, stage);
  event.text(R"("requestID":)", r.request_id);
  event.text(R"("eventID":)", r.event_id);
  event.member(R"("readOnly":)") += r.read_only ? "true" : "false";
  append_resources(event, r);
  event.text(R"("eventType":)", "AwsApiCall");
  event.member(R"("managementEvent":true)");
  event.text(R"("recipientAccountId":)", r.account);
  event.text(R"("eventCategory":)", "Management");
  append_tls(event, r);

  ObjectWriter tidegate(event.member(R"("tidegate":)"));
  append_question(tidegate, r);
  if (stage == Stage::closed) {
    append_answer(tidegate, r);
    tidegate.array_if(R"("policyChecks":)", r.policy_checks);
  }
  tidegate.end();
  event.end();
}

void append_document(std::string& out, const ServiceEvent& service_event) {
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
}

json::object interrupted(json::object document) {
  document["errorCode"] = "InternalServerException";
  document["errorMessage"] = "The gateway stopped before the answer was complete.";
  document["additionalEventData"] = json::object{{"inferenceRegion", "unknown"}};
  json::value& tidegate = document["tidegate"];
  if (!tidegate.is_object()) tidegate = json::object{};
  tidegate.get_object()["outcome"] = "Interrupted";
  tidegate.get_object()["attempts"] = json::array{};
  return document;
}

}  // namespace tidegate::audit
