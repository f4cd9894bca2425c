// Amazon Bedrock's control plane as one caller in one Region sees it: foundation models, and how a
// model is named. Pure functions from the catalogue to JSON.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/operations.hpp"
#include "base/json.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::api {

struct BedrockView {
  const catalog::Catalog& catalog;
  const catalog::RegionId& region;  // the source: whose rows are shown
  std::string_view account;         // of the caller: part of profile ARNs
  // True where this Region maps the model to a back-end, so that a bare model id runs here.
  std::function<bool(std::string_view model_id)> runs_here;
  WallTime now;  // decides what is LEGACY, and what is no longer there
};

// "LEGACY since 2026-12-01T00:00:00Z, served until 2027-03-01T00:00:00Z, successor
// eu.amazon.nova-2-lite-v1:0": what is known of it. For descriptions and x-tidegate-lifecycle.
std::string lifecycle_sentence(const catalog::Lifecycle& lifecycle);

// Errors: validation, resource_not_found.
Result<json::object> list_foundation_models(const BedrockView& view, const Parameters& query);
Result<json::object> get_foundation_model(const BedrockView& view, std::string_view identifier);

// Does this deployment let the caller use the model from here, directly or by a profile?
enum class Usable : std::uint8_t { no, yes };
Result<json::object> get_foundation_model_availability(const BedrockView& view,
                                                       std::string_view model_id, Usable usable);

// What a caller wrote where a model is named: an id, or the ARN of a foundation model or inference
// profile.
struct ModelReference {
  enum class Kind : std::uint8_t {
    id,
    foundation_model_arn,
    inference_profile_arn,
    application_profile_arn
  } kind = Kind::id;
  std::string id;       // profile or model id
  std::string region;   // of the ARN
  std::string account;  // of the ARN
};
// Errors: invalid_model_identifier (AWS's words).
Result<ModelReference> parse_model_reference(std::string_view text);

}  // namespace tidegate::api
