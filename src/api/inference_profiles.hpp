// Inference profiles as one caller in one Region sees them: those of the catalogue
// (system-defined), and those that customers make by copying one, to tag and meter it
// (application). Pure functions to JSON.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/bedrock.hpp"
#include "base/time.hpp"

namespace tidegate::api {

struct Tag {
  std::string key, value;
  friend bool operator==(const Tag&, const Tag&) = default;
};

// A tag with this key narrows the row of what a profile copies, which AWS cannot do: names of
// Regions, separated by spaces. It can be changed and removed like any tag; never wider than the
// row.
inline constexpr std::string_view regions_tag = "tidegate:regions";

// It runs where what it copies runs: in the row of a system-defined profile, or, of a foundation
// model, in the source Region only.
struct ApplicationProfile {
  std::string account;
  std::string id;  // "v8gtbe8pryd4", or chosen by the customer
  std::string name, description;
  std::string profile_id;  // of the catalogue; empty: it copies a foundation model
  std::string model_id;
  std::vector<Tag> tags;  // sorted by key
  WallTime created{}, updated{};
  // The request that made it: its token, and a hash of all else that it said.
  std::string client_token, request_hash;
};
// Those of one account in one Region, by id.
using ApplicationProfiles =
    std::map<std::string, std::shared_ptr<const ApplicationProfile>, std::less<>>;

std::string application_profile_arn(std::string_view region, std::string_view account,
                                    std::string_view id);

// What the tags leave of the row; nullopt: all of it. Errors: validation (a Region outside the row,
// or none).
Result<std::optional<catalog::RowSubset>> narrowed_row(const catalog::Row& row,
                                                       const std::vector<Tag>& tags);
// The same of a profile's row as this Region has it; a profile that copies a model has a row of
// one.
Result<std::optional<catalog::RowSubset>> narrowed_row(const BedrockView& view,
                                                       const ApplicationProfile& profile,
                                                       const std::vector<Tag>& tags);

// System-defined profiles first, then application profiles, each by id. Errors: validation.
Result<json::object> list_inference_profiles(const BedrockView& view,
                                             const ApplicationProfiles& applications,
                                             const Parameters& query);
// `identifier` is an id or an ARN. Errors: resource_not_found, invalid_model_identifier.
Result<json::object> get_inference_profile(const BedrockView& view,
                                           const ApplicationProfiles& applications,
                                           std::string_view identifier);

// The ARN that a caller means by `identifier`, whether it exists or not: what a policy is asked.
// Errors: invalid_model_identifier.
Result<std::string> inference_profile_resource(const BedrockView& view,
                                               const ApplicationProfiles& applications,
                                               std::string_view identifier);

// The application profile that `identifier` names, to change or delete it. Errors: validation (a
// system-defined profile or a model: those stay as they are), resource_not_found,
// invalid_model_identifier.
Result<std::shared_ptr<const ApplicationProfile>> application_profile_named(
    const BedrockView& view, const ApplicationProfiles& applications, std::string_view identifier);

}  // namespace tidegate::api
