#include "api/cloudtrail.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "aws/sigv4.hpp"

namespace tidegate::api {
namespace {

constexpr std::array<std::string_view, 8> attribute_keys{
    "EventId",      "EventName",    "ReadOnly",    "Username",
    "ResourceType", "ResourceName", "EventSource", "AccessKeyId"};

// awsJson1_1 timestamps are epoch seconds, as numbers.
Result<std::optional<WallTime>> epoch_member(const json::object& request, std::string_view name) {
  if (!json::find(request, name)) return std::nullopt;
  const auto seconds = json::find_number(request, name);
  if (!seconds || !std::isfinite(*seconds) || std::fabs(*seconds) > 1e11) {
    return fail(ErrorCode::invalid_time_range,
                std::string(name) + " must be a time in epoch seconds.");
  }
  return WallTime(std::chrono::microseconds(static_cast<std::int64_t>(*seconds * 1e6)));
}

double epoch_seconds(std::string_view iso) {
  const auto time = aws::parse_iso8601(iso);
  return time ? static_cast<double>(time->time_since_epoch().count() / 1'000'000) : 0;
}

json::array resources_of(const json::object& record) {
  json::array out;
  const json::object* parameters = json::find_object(record, "requestParameters");
  const auto model = parameters ? json::find_string(*parameters, "modelId") : std::nullopt;
  if (model) {
    out.push_back(json::object{
        {"ResourceType", model->contains("inference-profile") || !model->starts_with("arn:")
                             ? "AWS::Bedrock::InferenceProfile"
                             : "AWS::Bedrock::FoundationModel"},
        {"ResourceName", *model}});
  }
  return out;
}

}  // namespace

Result<audit::EventQuery> parse_lookup_events(std::string_view body, std::string_view account) {
  TRY(const json::value document, json::parse(body.empty() ? "{}" : body));
  const json::object* request = document.if_object();
  if (!request) return fail(ErrorCode::malformed_json, "The request body must be a JSON object.");
  audit::EventQuery query;
  query.account = account;
  if (const json::value* attributes = json::find(*request, "LookupAttributes")) {
    const json::array* list = attributes->if_array();
    if (!list || list->size() > 1) {
      return fail(ErrorCode::invalid_lookup_attributes, "LookupAttributes may hold one attribute.");
    }
    if (!list->empty()) {
      const json::object* attribute = list->front().if_object();
      const auto key = attribute ? json::find_string(*attribute, "AttributeKey") : std::nullopt;
      const auto value = attribute ? json::find_string(*attribute, "AttributeValue") : std::nullopt;
      if (!key || !value || std::ranges::find(attribute_keys, *key) == attribute_keys.end()) {
        return fail(ErrorCode::invalid_lookup_attributes,
                    "A lookup attribute has an AttributeKey (EventId, EventName, ReadOnly, "
                    "Username, ResourceType, "
                    "ResourceName, EventSource or AccessKeyId) and an AttributeValue.");
      }
      query.attribute_key = *key;
      query.attribute_value = *value;
    }
  }
  TRY(query.start, epoch_member(*request, "StartTime"));
  TRY(query.end, epoch_member(*request, "EndTime"));
  if (query.start && query.end && *query.start > *query.end) {
    return fail(ErrorCode::invalid_time_range, "StartTime is after EndTime.");
  }
  if (json::find(*request, "MaxResults")) {
    const auto max = json::find_int(*request, "MaxResults");
    if (!max || *max < 1 || *max > 50) {
      return fail(ErrorCode::invalid_max_results, "MaxResults must be between 1 and 50.");
    }
    query.max_results = static_cast<std::size_t>(*max);
  }
  if (json::find(*request, "NextToken"))
    query.next_token = json::find_string(*request, "NextToken").value_or("?");
  return query;
}

json::object lookup_events_answer(const audit::EventPage& page) {
  json::array events;
  for (const json::object& record : page.records) {
    const json::object* identity = json::find_object(record, "userIdentity");
    const auto text = [&](const json::object& o, std::string_view name) {
      return std::string(json::find_string(o, name).value_or(""));
    };
    json::object event{
        {"EventId", text(record, "eventID")},
        {"EventName", text(record, "eventName")},
        {"ReadOnly", json::find_bool(record, "readOnly").value_or(false) ? "true" : "false"},
        {"EventTime", epoch_seconds(text(record, "eventTime"))},
        {"EventSource", text(record, "eventSource")},
        {"Resources", resources_of(record)},
        {"CloudTrailEvent", json::serialize(record)}};
    if (identity) {
      const std::string key = text(*identity, "accessKeyId");
      event["AccessKeyId"] = key.empty() ? text(*identity, "credentialId") : key;
      event["Username"] = text(*identity, "userName");
    }
    events.push_back(std::move(event));
  }
  json::object out{{"Events", std::move(events)}};
  if (!page.next_token.empty()) out["NextToken"] = page.next_token;
  return out;
}

}  // namespace tidegate::api
