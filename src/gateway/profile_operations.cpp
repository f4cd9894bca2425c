// The control operations that change application inference profiles, and their tags. The body is
// read first, because it names the resources that policy is asked about; then the change runs in
// the background. When it is answered, it is on disk and every worker sees it.
#include "api/profile_requests.hpp"
#include "aws/arn.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

// As AWS draws them: 12 lower-case letters and digits, 62 bits.
std::string drawn_id(Rng& rng) {
  constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string id;
  for (int i = 0; i < 12; ++i) id += characters[rng.below(characters.size())];
  return id;
}

// What the record shows. CloudTrail hides members that the service model calls sensitive.
void note_request(Trail& trail, const api::CreateProfile& request) {
  json::object& parameters = trail.request_parameters;
  parameters["inferenceProfileName"] = request.name;
  if (!request.description.empty()) {
    parameters["description"] = "HIDDEN_DUE_TO_SECURITY_REASONS";
  }
  parameters["modelSource"] = json::object{{"copyFrom", request.copy_from}};
  if (!request.client_token.empty()) parameters["clientRequestToken"] = request.client_token;
  if (!request.tags.empty()) parameters["tags"] = api::tags_json(request.tags);
}

}  // namespace

Task<Result<Answer>> Pipeline::create_profile(Trail& trail, const api::BedrockView& view) {
  CO_TRY(api::CreateProfile request, api::parse_create_inference_profile(trail.call->body));
  note_request(trail, request);
  // Until it has an id, the profile is any profile.
  const std::string made = api::application_profile_arn(
      view.region.str(), view.account, request.chosen_id.empty() ? "*" : request.chosen_id);
  const std::string_view action = trail.call->operation().iam_action();
  std::vector<ControlCheck> wanted{{action, request.copy_from}, {action, made}};
  if (!request.tags.empty()) wanted.push_back({"bedrock:TagResource", made});
  CO_TRY_VOID(authorize_control(trail, wanted));

  CO_TRY(api::ApplicationProfile profile, api::new_application_profile(view, std::move(request)));
  if (profile.id.empty()) profile.id = drawn_id(worker_.rng());
  profile.created = profile.updated = trail.arrived_wall;
  CO_TRY(const auto created, co_await offload(worker_.loop(), region_.background(), [&] {
           return region_.application_profiles().create(std::move(profile));
         }));
  trail.application_profile_arn =
      api::application_profile_arn(view.region.str(), view.account, created->id);
  co_return json_answer(api::create_inference_profile_answer(view, *created), 201);
}

Task<Result<Answer>> Pipeline::delete_profile(Trail& trail, const api::BedrockView& view) {
  const std::string& identifier = trail.call->match.path_parameters.begin()->second;
  const auto applications = region_.application_profiles().of(view.account);
  CO_TRY(std::string resource, api::inference_profile_resource(view, *applications, identifier));
  CO_TRY_VOID(
      authorize_control(trail, {{trail.call->operation().iam_action(), std::move(resource)}}));
  CO_TRY(const auto profile, api::application_profile_named(view, *applications, identifier));
  trail.application_profile_arn =
      api::application_profile_arn(view.region.str(), view.account, profile->id);
  CO_TRY_VOID(co_await offload(worker_.loop(), region_.background(), [&] {
    return region_.application_profiles().remove(profile->account, profile->id);
  }));
  co_return json_answer({});
}

Result<Answer> Pipeline::list_tags(Trail& trail, const api::BedrockView& view) {
  TRY(std::string arn, api::parse_list_tags_for_resource(trail.call->body));
  trail.request_parameters["resourceARN"] = arn;
  TRY_VOID(authorize_control(trail, {{trail.call->operation().iam_action(), arn}}));
  TRY(const auto profile,
      api::application_profile_named(view, *region_.application_profiles().of(view.account), arn));
  trail.application_profile_arn = std::move(arn);
  return json_answer({{"tags", api::tags_json(profile->tags)}});
}

Task<Result<Answer>> Pipeline::change_tags(Trail& trail, const api::BedrockView& view) {
  const bool adds = trail.call->operation().id == api::OperationId::tag_resource;
  CO_TRY(const api::TagChange change, adds ? api::parse_tag_resource(trail.call->body)
                                           : api::parse_untag_resource(trail.call->body));
  trail.request_parameters["resourceARN"] = change.resource_arn;
  if (adds) {
    trail.request_parameters["tags"] = api::tags_json(change.set);
  } else {
    trail.request_parameters["tagKeys"] = json::array(change.unset.begin(), change.unset.end());
  }
  CO_TRY_VOID(
      authorize_control(trail, {{trail.call->operation().iam_action(), change.resource_arn}}));
  CO_TRY(const auto profile,
         api::application_profile_named(view, *region_.application_profiles().of(view.account),
                                        change.resource_arn));
  CO_TRY_VOID(api::narrowed_row(view, *profile, change.set));
  trail.application_profile_arn = change.resource_arn;
  CO_TRY_VOID(co_await offload(worker_.loop(), region_.background(), [&] {
    return region_.application_profiles().change_tags(profile->account, profile->id, change,
                                                      trail.arrived_wall);
  }));
  co_return json_answer({});
}

}  // namespace tidegate::gateway
