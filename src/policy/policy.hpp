// IAM-style policy documents: Effect, Action, Resource with wildcards, and the conditions that
// Bedrock's cross-Region inference needs. Explicit deny wins; default is deny. An element, operator
// or key that is not understood is refused when the document is loaded, never skipped. Semantics:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::policy {

enum class Effect : std::uint8_t { allow, deny };
enum class Operator : std::uint8_t {
  string_equals,
  string_not_equals,
  string_like,
  string_not_like,
  arn_equals,
  arn_not_equals,
  arn_like,
  arn_not_like,
  null
};

struct Condition {
  Operator op;
  std::string key;  // lower case: "aws:requestedregion", "bedrock:inferenceprofilearn"
  std::vector<std::string> values;
};

struct Statement {
  std::string sid;  // its Sid, or "#2" (counted from 1)
  Effect effect = Effect::deny;
  std::vector<std::string> actions;      // "bedrock:InvokeModel*"
  std::vector<std::string> not_actions;  // exactly one of the two is filled
  std::vector<std::string> resources;
  std::vector<std::string> not_resources;
  std::vector<Condition> conditions;
};

struct PolicyDocument {
  std::string name;
  std::vector<Statement> statements;
  // `text` is the JSON document. Errors: configuration, with the line and column of what is not
  // supported.
  static Result<PolicyDocument> parse(std::string name, std::string_view text);
};

using PolicyTable = std::map<std::string, PolicyDocument, std::less<>>;

struct Request {
  std::string action;            // "bedrock:InvokeModel"
  std::string resource;          // an ARN
  std::string requested_region;  // aws:RequestedRegion: a Region or "unspecified"
  std::optional<std::string> inference_profile_arn;   // absent on a direct call
  std::optional<std::string> bearer_token_type = {};  // of bedrock:CallWithBearerToken
};

enum class Outcome : std::uint8_t { allowed, explicit_deny, implicit_deny };

struct Decision {
  Outcome outcome = Outcome::implicit_deny;
  std::string policy;     // name of the document that decided; empty for an implicit deny
  std::string statement;  // its Sid or "#n"
  bool allowed() const { return outcome == Outcome::allowed; }
};

Decision evaluate(const std::vector<const PolicyDocument*>& policies, const Request& request);

// Every check that one call of a profile needs, evaluated up front (AWS's order: profile, model in
// the source, model in every destination; global: the Region-less model with RequestedRegion
// "unspecified").
struct Check {
  Request request;
  Decision decision;
};
struct InvokeQuestion {
  std::string action;               // bedrock:InvokeModel or bedrock:InvokeModelWithResponseStream
  std::string account;              // of the caller
  std::string model_id;             // the foundation model
  const catalog::Profile* profile;  // nullptr: a bare model id
  const catalog::Row* row;          // the candidate Regions
  std::string application_profile_arn = {};  // named instead of the profile or model
  std::string_view bearer = {};              // with an API key: its type, else empty
};
// Whoever calls with an API key must be allowed that as well, before all else. `region` is the
// caller's; `type` is LONG_TERM or SHORT_TERM, AWS's words for keys that are made for a user, and
// for those that a caller signs.
// https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html
Check check_bearer(const std::vector<const PolicyDocument*>& policies, std::string region,
                   std::string_view type);

std::vector<Check> check_invoke(const std::vector<const PolicyDocument*>& policies,
                                const InvokeQuestion& question);

// AWS's words: "User: ARN is not authorized to perform: ACTION on resource: ARN because ..." and
// the mend: every denied destination and the statement that denied it.
Error access_denied(std::string_view principal_arn, const std::vector<Check>& denied);

}  // namespace tidegate::policy
