// What the bodies of the operations on application inference profiles and their tags say. Shapes
// and constraints are AWS's, and so are the words of a refusal.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateInferenceProfile.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/inference_profiles.hpp"

namespace tidegate::api {

// A tag with this key at creation chooses the profile's id, which AWS would draw. It stays a tag,
// because tools compare what they sent with what they read; it cannot be changed.
inline constexpr std::string_view id_tag = "tidegate:id";

struct CreateProfile {
  std::string name, description, client_token;
  std::string copy_from;  // the ARN as sent
  std::vector<Tag> tags;  // sorted by key
  std::string chosen_id;  // empty: to be drawn
};
// Errors: malformed_json, validation, too_many_tags.
Result<CreateProfile> parse_create_inference_profile(std::string_view body);

// The profile that a request asks for, but for its times and, if it chose none, its id. Errors:
// validation (what may not be copied, an id that the catalogue uses), resource_not_found.
Result<ApplicationProfile> new_application_profile(const BedrockView& view, CreateProfile request);
json::object create_inference_profile_answer(const BedrockView& view,
                                             const ApplicationProfile& profile);

struct TagChange {
  std::string resource_arn;
  std::vector<Tag> set;            // sorted by key
  std::vector<std::string> unset;  // keys
};
// Errors: malformed_json, validation, resource_not_found (nothing here can have such an ARN).
Result<std::string> parse_list_tags_for_resource(std::string_view body);
Result<TagChange> parse_tag_resource(std::string_view body);
Result<TagChange> parse_untag_resource(std::string_view body);

// `tags` after a change. Errors: validation (the tag that chose the id), too_many_tags.
Result<std::vector<Tag>> apply_tag_change(const ApplicationProfile& profile,
                                          const TagChange& change);
json::array tags_json(const std::vector<Tag>& tags);

}  // namespace tidegate::api
