// Amazon Bedrock's control plane, the part that reads: inference profiles and foundation models, as
// one caller in one Region sees them. Pure functions from the catalogue to JSON.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html
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
};

// Errors: validation, invalid_next_token-like validation.
Result<json::object> list_inference_profiles(const BedrockView& view, const Parameters& query);
// `identifier` is an id or an ARN. Errors: resource_not_found, validation.
Result<json::object> get_inference_profile(const BedrockView& view, std::string_view identifier);
Result<json::object> list_foundation_models(const BedrockView& view, const Parameters& query);
Result<json::object> get_foundation_model(const BedrockView& view, std::string_view identifier);

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
