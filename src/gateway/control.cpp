// Operations that run no model: they are identified, authorized and recorded as every request is,
// and answered from the catalogue, the application profiles, the audit log or the principal.
#include <fmt/format.h>

#include "api/cloudtrail.hpp"
#include "api/inference_profiles.hpp"
#include "api/sts.hpp"
#include "aws/arn.hpp"
#include "base/json.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

std::unexpected<Error> not_offered(const api::Operation& operation) {
  return fail(ErrorCode::operation_not_offered,
              fmt::format("{} is not offered by tidegate.", operation.name),
              operation.service == api::Service::bedrock_runtime
                  ? "Use Converse or ConverseStream."
                  : "docs/reference/operations.md lists what is offered.");
}

// What really runs where a caller reads the name of another model.
void add_model_name(Answer& answer, const model::ModelMap& models, std::string_view model_id) {
  if (const auto* entry = models.find(model_id)) {
    answer.head.headers.add("x-tidegate-model", entry->config.name);
  }
}

}  // namespace

const std::string& named(const Trail& trail) {
  return trail.call->match.path_parameters.begin()->second;
}

Answer json_answer(const json::object& body, int status, std::string_view content_type) {
  Answer answer;
  answer.head.status = status;
  answer.bytes = json::serialize(body);
  answer.head.headers.add("content-type", std::string(content_type));
  return answer;
}

Task<Result<Answer>> Pipeline::control(http::Exchange& exchange, Trail& trail) {
  CO_TRY(const api::Parameters query, api::parse_form(exchange.head().query()));
  for (const auto& [name, value] : query) trail.request_parameters[name] = value;
  for (const auto& [name, value] : trail.call->match.path_parameters)
    trail.request_parameters[name] = value;
  CO_TRY(Answer answer, co_await answer_control(trail, query));
  answer.head.headers.add("x-amzn-requestid", trail.request_id);
  answer.head.headers.add("x-tidegate-inference-region", "none");
  co_return answer;
}

Task<Result<Answer>> Pipeline::answer_control(Trail& trail, const api::Parameters& query) {
  using api::OperationId;
  const api::Operation& operation = trail.call->operation();
  const api::BedrockView view{
      *trail.snapshot->catalog, region_.config().region, trail.principal->account(),
      [this](std::string_view model) { return region_.models().find(model) != nullptr; },
      trail.arrived_wall};
  switch (operation.id) {
    case OperationId::list_inference_profiles: {
      CO_TRY_VOID(authorize_control(trail, {{operation.iam_action(), "*"}}));
      CO_TRY(const json::object body,
             api::list_inference_profiles(view, *region_.application_profiles().of(view.account),
                                          query));
      co_return json_answer(body);
    }
    case OperationId::list_foundation_models: {
      CO_TRY_VOID(authorize_control(trail, {{operation.iam_action(), "*"}}));
      CO_TRY(const json::object body, api::list_foundation_models(view, query));
      co_return json_answer(body);
    }
    case OperationId::list_models:
      co_return list_models(trail, view);
    case OperationId::retrieve_model:
      co_return retrieve_model(trail, view);
    case OperationId::get_inference_profile:
      co_return get_profile(trail, view);
    case OperationId::create_inference_profile:
      co_return co_await create_profile(trail, view);
    case OperationId::delete_inference_profile:
      co_return co_await delete_profile(trail, view);
    case OperationId::list_tags_for_resource:
      co_return list_tags(trail, view);
    case OperationId::tag_resource:
    case OperationId::untag_resource:
      co_return co_await change_tags(trail, view);
    case OperationId::get_foundation_model:
      co_return get_model(trail, view);
    case OperationId::get_foundation_model_availability:
      co_return get_availability(trail, view);
    case OperationId::lookup_events:
      co_return co_await lookup_events(trail);
    case OperationId::get_caller_identity: {
      CO_TRY_VOID(authorize_control(trail, {}));  // AWS needs no permission for it
      Answer answer;
      answer.bytes = api::get_caller_identity_answer(*trail.principal, trail.request_id);
      answer.head.headers.add("content-type", "text/xml");
      co_return answer;
    }
    default:
      co_return not_offered(operation);
  }
}

Result<Answer> Pipeline::get_profile(Trail& trail, const api::BedrockView& view) {
  const auto applications = region_.application_profiles().of(view.account);
  TRY(std::string resource, api::inference_profile_resource(view, *applications, named(trail)));
  TRY_VOID(authorize_control(trail, {{trail.call->operation().iam_action(), std::move(resource)}}));
  TRY(const json::object body, api::get_inference_profile(view, *applications, named(trail)));
  Answer answer = json_answer(body);
  if (const auto target = resolve(named(trail), view.account, *trail.snapshot)) {
    trail.application_profile_arn = target->application_profile_arn;
    add_model_name(answer, region_.models(), target->model_id);
  }
  return answer;
}

Result<Answer> Pipeline::get_model(Trail& trail, const api::BedrockView& view) {
  const std::string& id = named(trail);
  TRY_VOID(authorize_control(
      trail, {{trail.call->operation().iam_action(),
               id.starts_with("arn:") ? id : aws::foundation_model_arn(view.region.str(), id)}}));
  TRY(const json::object body, api::get_foundation_model(view, id));
  Answer answer = json_answer(body);
  if (const auto reference = api::parse_model_reference(id)) {
    add_model_name(answer, region_.models(), reference->id);
  }
  return answer;
}

// The caller may use a model if policy lets it run here by itself or through some profile.
Result<Answer> Pipeline::get_availability(Trail& trail, const api::BedrockView& view) {
  TRY_VOID(authorize_control(trail, {{trail.call->operation().iam_action(), "*"}}));
  std::vector<std::string> names{named(trail)};
  for (const catalog::Profile* profile : view.catalog.profiles_from(view.region)) {
    if (profile->model_id == named(trail)) names.push_back(profile->id);
  }
  const bool usable = std::ranges::any_of(names, [&](const std::string& name) {
    const auto target = resolve(name, view.account, *trail.snapshot);
    return target && may_use(trail, *target);
  });
  TRY(const json::object body,
      api::get_foundation_model_availability(view, named(trail),
                                             usable ? api::Usable::yes : api::Usable::no));
  return json_answer(body);
}

Task<Result<Answer>> Pipeline::lookup_events(Trail& trail) {
  CO_TRY_VOID(authorize_control(trail, {{trail.call->operation().iam_action(), "*"}}));
  CO_TRY(audit::EventQuery wanted,
         api::parse_lookup_events(trail.call->body, trail.principal->account()));
  CO_TRY(const audit::EventPage page, co_await offload(worker_.loop(), region_.background(), [&] {
           return region_.log().lookup(wanted);
         }));
  co_return json_answer(api::lookup_events_answer(page), 200, "application/x-amz-json-1.1");
}

}  // namespace tidegate::gateway
