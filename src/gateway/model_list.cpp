// The models that OpenAI's API lists: whatever the caller may put into a request's "model" here.
// Those are this Region's inference profiles and the account's application profiles, and the bare
// ids of models that run in the Region itself.
#include "chat/openai_door.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"

namespace tidegate::gateway {
namespace {

chat::ListedModel listed(const std::string& id, const Target& target,
                         const catalog::Catalog& catalog) {
  const catalog::Model* model = catalog.model(target.model_id);
  return {.id = id,
          .owned_by = model ? to_lower_ascii(model->provider)
                            : target.model_id.substr(0, target.model_id.find('.'))};
}

Answer text_answer(std::string body) {
  Answer answer;
  answer.bytes = std::move(body);
  answer.head.headers.add("content-type", "application/json");
  return answer;
}

}  // namespace

Result<Answer> Pipeline::list_models(Trail& trail, const api::BedrockView& view) {
  TRY_VOID(authorize_control(trail, {{trail.call->operation().iam_action(), "*"}}));
  std::vector<std::string> names;
  for (const auto& [model_id, row] : trail.snapshot->in_region_rows) names.push_back(model_id);
  for (const catalog::Profile* profile : view.catalog.profiles_from(view.region))
    names.push_back(profile->id);
  const auto applications = region_.application_profiles().of(view.account);
  for (const auto& [id, profile] : *applications) names.push_back(id);
  std::vector<chat::ListedModel> models;
  for (const std::string& name : names) {
    const auto target = resolve(name, view.account, *trail.snapshot);
    if (target && may_use(trail, *target)) models.push_back(listed(name, *target, view.catalog));
  }
  return text_answer(chat::model_list(models));
}

// What is not listed is not there, for whatever reason: as in OpenAI's API.
Result<Answer> Pipeline::retrieve_model(Trail& trail, const api::BedrockView& view) {
  TRY_VOID(authorize_control(trail, {{trail.call->operation().iam_action(), "*"}}));
  trail.call->model_reference = named(trail);
  const auto target = resolve(named(trail), view.account, *trail.snapshot);
  if (!target || !may_use(trail, *target)) {
    return fail(ErrorCode::invalid_model_identifier, "The provided model identifier is invalid.",
                "GET /v1/models lists those that you may use from here.");
  }
  return text_answer(chat::model_object(listed(named(trail), *target, view.catalog)));
}

}  // namespace tidegate::gateway
