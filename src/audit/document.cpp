#include "audit/document.hpp"

#include "attest/attestation.hpp"
#include "audit/implied.hpp"
#include "audit/json_writer.hpp"
#include "audit/record.hpp"
#include "aws/arn.hpp"

namespace tidegate::audit {
namespace {

std::string_view text_at(const json::object& o, std::string_view member) {
  return json::find_string(o, member).value_or("");
}

// The member `name`, where the entry has one.
void copy(json::object& to, const json::object& entry, std::string_view name,
          std::string_view as = {}) {
  if (const json::value* value = entry.if_contains(name)) to[as.empty() ? name : as] = *value;
}
void copy(json::object& to, const json::object& entry,
          std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) copy(to, entry, name);
}
void add_if_any(json::object& to, std::string_view name, json::object part) {
  if (!part.empty()) to[name] = std::move(part);
}

std::string time_text(WallTime time, Precision precision) {
  Buffer quoted;
  append_time(quoted, time, precision);
  return std::string(quoted.view().substr(1, quoted.size() - 2));
}

bool has_run(const json::object& entry) {
  const std::string_view region = text_at(entry, "inferenceRegion");
  return !region.empty() && region != "none" && region != "unknown";
}

json::object identity(const json::object& entry) {
  // "arn:aws:iam::111122223333:user/path/demo": the type is the resource's first word, the name its
  // last.
  const std::string_view arn = text_at(entry, "arn");
  const std::string_view resource = arn.substr(arn.rfind(':') + 1);
  json::object out;
  out["type"] = resource == "root"                        ? "Root"
                : resource.starts_with("assumed-role/")   ? "AssumedRole"
                : resource.starts_with("federated-user/") ? "FederatedUser"
                                                          : "IAMUser";
  copy(out, entry, "userId", "principalId");
  copy(out, entry, "arn");
  copy(out, entry, "account", "accountId");
  copy(out, entry, "keyId", "accessKeyId");
  copy(out, entry, "credentialId");  // CloudTrail's, of a bearer token
  if (const auto slash = resource.rfind('/'); slash != std::string_view::npos) {
    out["userName"] = resource.substr(slash + 1);
  }
  return out;
}

json::object parameters(const json::object& entry) {
  json::object out;
  copy(out, entry, entry.contains("model") ? "model" : "profile", "modelId");
  if (const json::object* more = json::find_object(entry, "parameters")) {
    for (const auto& member : *more) out[member.key()] = member.value();
  }
  return out;
}

json::array resources(const json::object& entry) {
  json::array out;
  const auto add = [&](std::string_view type, std::string arn) {
    out.push_back(json::object{{"ARN", std::move(arn)}, {"type", type}});
  };
  const std::string_view region = text_at(entry, "region"), account = text_at(entry, "account");
  if (const auto arn = text_at(entry, "applicationProfileArn"); !arn.empty()) {
    add("AWS::Bedrock::ApplicationInferenceProfile", std::string(arn));
  }
  if (const auto profile = text_at(entry, "profile"); !profile.empty()) {
    add("AWS::Bedrock::InferenceProfile", aws::inference_profile_arn(region, account, profile));
  }
  if (const auto model = text_at(entry, "modelId"); !model.empty()) {
    add("AWS::Bedrock::FoundationModel", aws::foundation_model_arn(region, model));
  }
  return out;
}

json::object additional_data(const json::object& entry) {
  json::object out;
  copy(out, entry, "inferenceRegion");
  if (entry.contains("credentialId")) out["callWithBearerToken"] = true;
  if (has_run(entry)) copy(out, entry, {"inputTokens", "outputTokens"});
  return out;
}

json::object tls_details(const json::object& entry) {
  json::object out;
  copy(out, entry, "tlsVersion");
  copy(out, entry, "tlsCipher", "cipherSuite");
  copy(out, entry, "host", "clientProvidedHostHeader");
  return out;
}

// What the destination signs of this attempt, whole: the members of attest::Attestation.
json::object statement(const Frame& frame, const json::object& entry, const json::object& attempt,
                       const json::object& attested) {
  json::object out;
  copy(out, attested, "answer");
  copy(out, entry, "bodySha256", "body");
  copy(out, attempt, "region", "dst");
  copy(out, attested, "outcome");
  out["rid"] = frame.id;
  copy(out, entry, "rowHash", "row");
  copy(out, attested, "row");
  copy(out, entry, "region", "src");
  copy(out, attested, "t");
  copy(out, attempt, "token");
  out["v"] = attest::Attestation::version;
  return out;
}

// What the entry left out because it says it elsewhere.
void add_implied(json::object& entry) {
  const auto add = [&](std::string_view member, std::string_view value) {
    // A copy first: `value` may lie in the table that grows.
    if (!value.empty() && !entry.contains(member)) entry[member] = json::value(value);
  };
  add("eventSource", implied::event_source);
  add("account", implied::account(text_at(entry, "arn")));
  add("modelId", implied::model_id(text_at(entry, "profile")));
  if (entry.contains("totalMs") && !entry.contains("queueMs")) entry["queueMs"] = 0;
  if (text_at(entry, "outcome") == implied::success && !entry.contains("httpStatus")) {
    entry["httpStatus"] = implied::success_status;
  }
}

json::object whole_attempt(const json::object& entry, const json::object& written) {
  json::object out;
  // In this order; what is left out is what the writer leaves out (implied.hpp).
  const bool answered = !written.contains("outcome");
  const bool ran = answered || text_at(written, "outcome") == implied::ran;
  const auto add = [&](std::string_view name, bool left_out, std::string_view as = {}) {
    if (written.contains(name)) {
      copy(out, written, name);
    } else if (left_out) {
      copy(out, entry, as.empty() ? name : as, name);
    }
  };
  add("region", answered, "inferenceRegion");
  out["outcome"] = implied::ran;
  copy(out, written, "outcome");
  add("reason", true, "routeReason");
  add("modelName", ran);
  add("bytesSent", false);
  add("bytesReceived", answered, "bytesOut");
  out["startMs"] = 0;
  copy(out, written, "startMs");
  add("firstByteMs", answered);
  for (const auto& member : written) {
    if (!out.contains(member.key())) out[member.key()] = member.value();
  }
  return out;
}

json::array considered(const json::object& entry) {
  json::array out;
  const json::array* written = json::find_array(entry, "considered");
  if (!written) return out;
  for (const json::value& item : *written) {
    json::object whole;
    if (const json::object* said = item.if_object()) {
      if (!said->contains("verdict")) {
        copy(whole, entry, "inferenceRegion", "region");
        whole["verdict"] = implied::chosen;
      }
      for (const auto& member : *said) whole[member.key()] = member.value();
    }
    out.push_back(std::move(whole));
  }
  return out;
}

json::array attempts(const Frame& frame, const json::object& entry) {
  json::array out;
  const json::array* written = json::find_array(entry, "attempts");
  if (!written) return out;
  for (const json::value& item : *written) {
    const json::object* attempt = item.if_object();
    if (!attempt) continue;
    json::object whole = whole_attempt(entry, *attempt);
    if (const json::object* attested = json::find_object(*attempt, "attestation")) {
      whole["attestation"] = statement(frame, entry, whole, *attested);
    }
    out.push_back(std::move(whole));
  }
  return out;
}

json::object our_part(const Frame& frame, const json::object& entry) {
  json::object out{{"schemaVersion", schema_version},
                   {"arrivedAt", time_text(frame.time(), Precision::millis)}};
  json::object profile;
  copy(profile, entry, "profile", "id");
  if (!profile.empty()) copy(profile, entry, {"version", "rowHash", "row", "narrowedTo"});
  if (profile.empty()) copy(out, entry, "row");
  add_if_any(out, "profile", std::move(profile));
  copy(out, entry,
       {"applicationProfileArn", "modelId", "bodySha256", "bytesIn", "traceId", "requestMetadata",
        "outcome", "tidegateCode", "httpStatus"});
  if (has_run(entry)) {
    copy(out, entry, "modelName");
    json::object usage;
    copy(usage, entry,
         {"inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"});
    add_if_any(out, "usage", std::move(usage));
    copy(out, entry, {"stopReason", "bytesOut"});
  }
  json::object durations;
  copy(durations, entry, {"totalMs", "firstByteMs", "queueMs"});
  add_if_any(out, "durations", std::move(durations));
  out["attempts"] = attempts(frame, entry);
  json::object decision;
  copy(decision, entry, "routeReason", "reason");
  if (entry.contains("considered")) decision["considered"] = considered(entry);
  add_if_any(out, "decision", std::move(decision));
  copy(out, entry, "policyChecks");
  return out;
}

json::object request_document(const Frame& frame, const json::object& entry) {
  json::object out{{"eventVersion", event_version},
                   {"userIdentity", identity(entry)},
                   {"eventTime", time_text(frame.time(), Precision::seconds)}};
  copy(out, entry, {"eventSource", "eventName"});
  copy(out, entry, "region", "awsRegion");
  copy(out, entry, "sourceIp", "sourceIPAddress");
  copy(out, entry, {"userAgent", "errorCode", "errorMessage"});
  out["requestParameters"] = parameters(entry);
  out["responseElements"] = nullptr;
  out["additionalEventData"] = additional_data(entry);
  out["requestID"] = frame.id;
  out["eventID"] = frame.id;  // a request has one record, so one event
  copy(out, entry, "eventId", "eventID");
  out["readOnly"] = json::find_bool(entry, "readOnly").value_or(false);
  if (json::array named = resources(entry); !named.empty()) out["resources"] = std::move(named);
  out["eventType"] = "AwsApiCall";
  out["managementEvent"] = true;
  copy(out, entry, "account", "recipientAccountId");
  out["eventCategory"] = "Management";
  add_if_any(out, "tlsDetails", tls_details(entry));
  out["tidegate"] = our_part(frame, entry);
  return out;
}

// The members of both entries; none stands in both.
Result<void> add_opened(json::object& entry, std::string_view opened) {
  TRY(const json::value parsed, json::parse(opened));
  const json::object* members = parsed.if_object();
  if (!members) return fail(ErrorCode::malformed_json, "an entry is an object");
  for (const auto& member : *members) {
    if (!entry.emplace(member.key(), member.value()).second)
      return fail(ErrorCode::malformed_json, "both entries of a record say the same");
  }
  return {};
}

}  // namespace

Result<json::object> document(const Frame& frame) {
  TRY(json::value parsed, json::parse(frame.body));
  json::object* entry = parsed.if_object();
  if (!entry) return fail(ErrorCode::malformed_json, "an entry is an object");
  if (!frame.opened.empty()) TRY_VOID(add_opened(*entry, frame.opened));
  if (frame.kind == kind::service) return std::move(*entry);
  if (frame.kind == kind::opened) {
    (*entry)["outcome"] = "InProgress";
    (*entry)["inferenceRegion"] = "unknown";
  }
  add_implied(*entry);
  return request_document(frame, *entry);
}

}  // namespace tidegate::audit
