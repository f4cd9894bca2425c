// Which operation does a request name? One port answers for several services: REST paths (Bedrock),
// X-Amz-Target (CloudTrail), and Action=... forms (STS).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "aws/errors.hpp"
#include "base/error.hpp"
#include "http/message.hpp"

namespace tidegate::api {

enum class Service : std::uint8_t { bedrock_runtime, bedrock, cloudtrail, sts };

// What tidegate offers; `not_offered` stands for every other operation that AWS knows.
enum class OperationId : std::uint8_t {
  converse,
  converse_stream,
  invoke_model,
  invoke_model_with_response_stream,
  count_tokens,
  chat_completions,  // the doors of other APIs; a streamed twin is another action
  chat_completions_stream,
  embeddings,
  list_models,
  retrieve_model,
  messages,
  messages_stream,
  messages_count_tokens,
  list_inference_profiles,
  get_inference_profile,
  create_inference_profile,
  delete_inference_profile,
  list_tags_for_resource,
  tag_resource,
  untag_resource,
  list_foundation_models,
  get_foundation_model,
  get_foundation_model_availability,
  lookup_events,
  get_caller_identity,
  not_offered,
};

struct Operation {
  OperationId id = OperationId::not_offered;
  Service service = Service::bedrock_runtime;
  std::string_view name;          // "Converse": eventName
  std::string_view method, path;  // "/model/{modelId}/converse"

  aws::Protocol protocol() const;
  std::string_view signing_name() const;  // "bedrock": the service in the credential scope
  std::string_view event_source() const;  // "bedrock.amazonaws.com"
  std::string_view iam_action() const;    // "bedrock:InvokeModel"
  bool is_invocation() const;
  bool model_is_in_body() const;  // not in the path: the doors
  bool read_only() const;
};

struct Match {
  const Operation* operation;
  std::map<std::string, std::string, std::less<>> path_parameters;  // decoded once
};

// A request by its head. For STS the operation is in the body: `operation_is_in_body` is set
// instead, and match_query() decides. Errors: unknown_operation.
struct HeadMatch {
  Match match{};
  bool operation_is_in_body = false;
  aws::Protocol protocol = aws::Protocol::rest_json;
  std::string_view signing_name = "bedrock";
};
Result<HeadMatch> match_head(const http::RequestHead& head);
Result<Match> match_query(std::string_view form_body);
// For a request that is refused before its head is known: the door whose path this is, else
// rest_json.
aws::Protocol protocol_of_path(std::string_view path);

// The operation that a door's request is when its body asks for a stream; others are their own.
const Operation& streamed(const Operation& operation);

// The names of operations that are offered, for peers' reports.
std::vector<std::string> offered_operations();

// Query parameters, decoded: "maxResults" -> "10". Errors: validation.
using Parameters = std::map<std::string, std::string, std::less<>>;
Result<Parameters> parse_form(std::string_view text);

}  // namespace tidegate::api
