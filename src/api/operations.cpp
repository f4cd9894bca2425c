#include "api/operations.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "aws/arn.hpp"

namespace tidegate::api {
namespace {

OperationId offered(std::string_view name) {
  static const std::map<std::string_view, OperationId> ids{
      {"Converse", OperationId::converse},
      {"ConverseStream", OperationId::converse_stream},
      {"InvokeModel", OperationId::invoke_model},
      {"InvokeModelWithResponseStream", OperationId::invoke_model_with_response_stream},
      {"CountTokens", OperationId::count_tokens},
      {"ListInferenceProfiles", OperationId::list_inference_profiles},
      {"GetInferenceProfile", OperationId::get_inference_profile},
      {"CreateInferenceProfile", OperationId::create_inference_profile},
      {"DeleteInferenceProfile", OperationId::delete_inference_profile},
      {"ListTagsForResource", OperationId::list_tags_for_resource},
      {"TagResource", OperationId::tag_resource},
      {"UntagResource", OperationId::untag_resource},
      {"ListFoundationModels", OperationId::list_foundation_models},
      {"GetFoundationModel", OperationId::get_foundation_model},
      {"GetFoundationModelAvailability", OperationId::get_foundation_model_availability},
      {"LookupEvents", OperationId::lookup_events},
      {"GetCallerIdentity", OperationId::get_caller_identity}};
  const auto found = ids.find(name);
  return found == ids.end() ? OperationId::not_offered : found->second;
}

const std::vector<Operation>& all_operations() {
  static const std::vector<Operation> operations = [] {
    std::vector<Operation> all{
#define OPERATION(service, name, method, path) \
  {offered(name), Service::service, name, method, path},
#include "api/known_operations.inc"
#undef OPERATION
        // The doors of other APIs. The twins without a path are found by streamed().
        {OperationId::chat_completions, Service::bedrock_runtime, "ChatCompletions", "POST",
         "/v1/chat/completions"},
        {OperationId::chat_completions, Service::bedrock_runtime, "ChatCompletions", "POST",
         "/openai/v1/chat/completions"},
        {OperationId::chat_completions_stream, Service::bedrock_runtime, "ChatCompletionsStream",
         "POST", ""},
        {OperationId::embeddings, Service::bedrock_runtime, "Embeddings", "POST", "/v1/embeddings"},
        {OperationId::embeddings, Service::bedrock_runtime, "Embeddings", "POST",
         "/openai/v1/embeddings"},
        {OperationId::list_models, Service::bedrock, "ListModels", "GET", "/v1/models"},
        {OperationId::list_models, Service::bedrock, "ListModels", "GET", "/openai/v1/models"},
        {OperationId::retrieve_model, Service::bedrock, "RetrieveModel", "GET",
         "/v1/models/{model}"},
        {OperationId::retrieve_model, Service::bedrock, "RetrieveModel", "GET",
         "/openai/v1/models/{model}"},
        {OperationId::messages, Service::bedrock_runtime, "Messages", "POST",
         "/anthropic/v1/messages"},
        {OperationId::messages_stream, Service::bedrock_runtime, "MessagesStream", "POST", ""},
        {OperationId::messages_count_tokens, Service::bedrock_runtime, "MessagesCountTokens",
         "POST", "/anthropic/v1/messages/count_tokens"},
    };
    return all;
  }();
  return operations;
}

const Operation* by_name(Service service, std::string_view name) {
  for (const Operation& operation : all_operations()) {
    if (operation.service == service && operation.name == name) return &operation;
  }
  return nullptr;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// Calls visit(segment of the pattern, segment of the path) for as long as it returns true. True:
// for all of them, and there are as many in both.
template <class Visit>
bool all_segments(std::string_view pattern, std::string_view path, Visit visit) {
  for (;;) {
    const auto pattern_end = pattern.find('/'), path_end = path.find('/');
    if (!visit(pattern.substr(0, pattern_end), path.substr(0, path_end))) return false;
    const bool last = pattern_end == std::string_view::npos;
    if (last != (path_end == std::string_view::npos)) return false;
    if (last) return true;
    pattern.remove_prefix(pattern_end + 1);
    path.remove_prefix(path_end + 1);
  }
}

// Matches the raw path segment by segment, so that an encoded slash stays inside its segment;
// decodes once afterwards.
bool matches(const Operation& operation, std::string_view method, std::string_view path,
             Match& match) {
  if (operation.method != method) return false;
  const std::string_view first = operation.path.substr(0, 2);  // most differ in this letter
  if (!first.ends_with('{') && !path.starts_with(first)) return false;
  const bool same = all_segments(operation.path, path, [](auto wanted, auto found) {
    return wanted.starts_with('{') ? !found.empty() : wanted == found;
  });
  if (!same) return false;
  match = {&operation, {}};
  return all_segments(operation.path, path, [&](auto wanted, auto found) {
    if (!wanted.starts_with('{')) return true;
    auto decoded = aws::percent_decode(found);
    if (!decoded) return false;
    match.path_parameters.emplace(wanted.substr(1, wanted.size() - 2), *std::move(decoded));
    return true;
  });
}

Error unknown_operation(std::string_view what) {
  return {.code = ErrorCode::unknown_operation,
          .origin = Origin::client,
          .message = "",
          .mend = std::string(what) +
                  " names no operation of Amazon Bedrock, CloudTrail or STS; check the endpoint "
                  "and the path.",
          .why = {}};
}

}  // namespace

aws::Protocol Operation::protocol() const {
  switch (id) {
    case OperationId::chat_completions:
    case OperationId::chat_completions_stream:
    case OperationId::embeddings:
    case OperationId::list_models:
    case OperationId::retrieve_model:
      return aws::Protocol::openai;
    case OperationId::messages:
    case OperationId::messages_stream:
    case OperationId::messages_count_tokens:
      return aws::Protocol::anthropic;
    default:
      break;
  }
  switch (service) {
    case Service::bedrock_runtime:
    case Service::bedrock:
      return aws::Protocol::rest_json;
    case Service::cloudtrail:
      return aws::Protocol::json_1_1;
    case Service::sts:
      return aws::Protocol::query;
  }
  return aws::Protocol::rest_json;
}

std::string_view Operation::signing_name() const {
  switch (service) {
    case Service::bedrock_runtime:
    case Service::bedrock:
      return "bedrock";
    case Service::cloudtrail:
      return "cloudtrail";
    case Service::sts:
      return "sts";
  }
  return "bedrock";
}

std::string_view Operation::event_source() const {
  switch (service) {
    case Service::bedrock_runtime:
    case Service::bedrock:
      return "bedrock.amazonaws.com";
    case Service::cloudtrail:
      return "cloudtrail.amazonaws.com";
    case Service::sts:
      return "sts.amazonaws.com";
  }
  return "bedrock.amazonaws.com";
}

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
std::string_view Operation::iam_action() const {
  switch (id) {
    case OperationId::converse:
    case OperationId::invoke_model:
    case OperationId::chat_completions:
    case OperationId::embeddings:
    case OperationId::messages:
      return "bedrock:InvokeModel";
    case OperationId::converse_stream:
    case OperationId::invoke_model_with_response_stream:
    case OperationId::chat_completions_stream:
    case OperationId::messages_stream:
      return "bedrock:InvokeModelWithResponseStream";
    case OperationId::count_tokens:
    case OperationId::messages_count_tokens:
      return "bedrock:CountTokens";
    case OperationId::list_models:
    case OperationId::retrieve_model:
    case OperationId::list_inference_profiles:
      return "bedrock:ListInferenceProfiles";
    case OperationId::get_inference_profile:
      return "bedrock:GetInferenceProfile";
    case OperationId::create_inference_profile:
      return "bedrock:CreateInferenceProfile";
    case OperationId::delete_inference_profile:
      return "bedrock:DeleteInferenceProfile";
    case OperationId::list_tags_for_resource:
      return "bedrock:ListTagsForResource";
    case OperationId::tag_resource:
      return "bedrock:TagResource";
    case OperationId::untag_resource:
      return "bedrock:UntagResource";
    case OperationId::list_foundation_models:
      return "bedrock:ListFoundationModels";
    case OperationId::get_foundation_model:
      return "bedrock:GetFoundationModel";
    case OperationId::get_foundation_model_availability:
      return "bedrock:GetFoundationModelAvailability";
    case OperationId::lookup_events:
      return "cloudtrail:LookupEvents";
    case OperationId::get_caller_identity:
      return "sts:GetCallerIdentity";
    case OperationId::not_offered:
      return "";
  }
  return "";
}

bool Operation::is_invocation() const {
  switch (id) {
    case OperationId::converse:
    case OperationId::converse_stream:
    case OperationId::invoke_model:
    case OperationId::invoke_model_with_response_stream:
    case OperationId::count_tokens:
      return true;
    default:
      return model_is_in_body();
  }
}

bool Operation::model_is_in_body() const {
  switch (id) {
    case OperationId::chat_completions:
    case OperationId::chat_completions_stream:
    case OperationId::embeddings:
    case OperationId::messages:
    case OperationId::messages_stream:
    case OperationId::messages_count_tokens:
      return true;
    default:
      return false;
  }
}

const Operation& streamed(const Operation& operation) {
  const std::string_view twin = operation.id == OperationId::chat_completions
                                    ? "ChatCompletionsStream"
                                : operation.id == OperationId::messages ? "MessagesStream"
                                                                        : std::string_view{};
  return twin.empty() ? operation : *by_name(operation.service, twin);
}

bool Operation::read_only() const {
  switch (id) {
    case OperationId::create_inference_profile:
    case OperationId::delete_inference_profile:
    case OperationId::tag_resource:
    case OperationId::untag_resource:
      return false;
    default:
      return !is_invocation();
  }
}

Result<HeadMatch> match_head(const http::RequestHead& head) {
  HeadMatch out;
  const std::string_view path = head.path();
  if (path == "/" && head.method == "POST") {
    if (const auto target = head.headers.get("x-amz-target")) {
      // botocore sends "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", JS
      // and Go "CloudTrail_20131101.LookupEvents": the last two parts say it.
      const auto parts = split(*target, '.');
      out.protocol = aws::Protocol::json_1_1;
      out.signing_name = "cloudtrail";
      const bool is_cloudtrail =
          parts.size() >= 2 && parts[parts.size() - 2] == "CloudTrail_20131101";
      const Operation* operation =
          is_cloudtrail ? by_name(Service::cloudtrail, parts.back()) : nullptr;
      if (!operation)
        return fail(unknown_operation("X-Amz-Target " + std::string(target->substr(0, 200))));
      out.match.operation = operation;
      return out;
    }
    out.operation_is_in_body = true;
    out.protocol = aws::Protocol::query;
    out.signing_name = "sts";
    return out;
  }
  for (const Operation& operation : all_operations()) {
    const aws::Protocol protocol = operation.protocol();
    const bool by_path = protocol != aws::Protocol::json_1_1 && protocol != aws::Protocol::query;
    if (!by_path || !matches(operation, head.method, path, out.match)) continue;
    out.protocol = protocol;
    return out;
  }
  return fail(unknown_operation(head.method + " " + std::string(path.substr(0, 200))));
}

aws::Protocol protocol_of_path(std::string_view path) {
  for (const Operation& operation : all_operations()) {
    const aws::Protocol protocol = operation.protocol();
    const bool door = protocol == aws::Protocol::openai || protocol == aws::Protocol::anthropic;
    if (door && !path.empty() && operation.path == path) return protocol;
  }
  return aws::Protocol::rest_json;
}

Result<Match> match_query(std::string_view form_body) {
  TRY(const Parameters parameters, parse_form(form_body));
  const auto action = parameters.find("Action");
  const Operation* operation =
      action == parameters.end() ? nullptr : by_name(Service::sts, action->second);
  if (!operation) {
    return fail(unknown_operation(action == parameters.end()
                                      ? "A form without Action"
                                      : "Action " + action->second.substr(0, 100)));
  }
  return Match{operation, {}};
}

std::vector<std::string> offered_operations() {
  std::vector<std::string> names;
  for (const Operation& operation : all_operations()) {
    if (operation.id != OperationId::not_offered) names.emplace_back(operation.name);
  }
  return names;
}

Result<Parameters> parse_form(std::string_view text) {
  Parameters out;
  if (text.empty()) return out;
  for (const std::string_view pair : split(text, '&')) {
    const auto equals = pair.find('=');
    std::string name(pair.substr(0, equals));
    std::string value(equals == std::string_view::npos ? std::string_view{}
                                                       : pair.substr(equals + 1));
    for (std::string* part : {&name, &value}) {
      std::ranges::replace(*part, '+', ' ');
      auto decoded = aws::percent_decode(*part);
      if (!decoded || !is_valid_utf8(*decoded)) {
        return fail(ErrorCode::validation,
                    "The request's parameters are not valid percent-encoded UTF-8.");
      }
      *part = *std::move(decoded);
    }
    out.insert_or_assign(std::move(name), std::move(value));
  }
  return out;
}

}  // namespace tidegate::api
