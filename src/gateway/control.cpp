// Operations that run no model: they are identified, authorized and recorded as every request is,
// and answered from the catalogue, the audit log or the principal.
#include <fmt/format.h>

#include "api/bedrock.hpp"
#include "api/cloudtrail.hpp"
#include "api/sts.hpp"
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

Answer json_answer(const json::object& body, std::string_view content_type) {
  Answer answer;
  answer.bytes = json::serialize(body);
  answer.head.headers.add("content-type", std::string(content_type));
  return answer;
}

}  // namespace

Task<Result<Answer>> Pipeline::control(http::Exchange& exchange, Trail& trail) {
  const api::Operation& operation = trail.call->operation();
  if (operation.id == api::OperationId::not_offered) co_return not_offered(operation);
  CO_TRY(const api::Parameters query, api::parse_form(exchange.head().query()));
  for (const auto& [name, value] : query) trail.request_parameters[name] = value;
  for (const auto& [name, value] : trail.call->match.path_parameters)
    trail.request_parameters[name] = value;
  CO_TRY(trail.permit, authorize_control(trail));

  const api::BedrockView view{
      *trail.snapshot->catalog, region_.config().region, trail.principal->account(),
      [this](std::string_view model) { return region_.models().find(model) != nullptr; }};
  const auto named = [&]() -> const std::string& {
    return trail.call->match.path_parameters.begin()->second;
  };
  Answer answer;
  switch (operation.id) {
    case api::OperationId::list_inference_profiles: {
      CO_TRY(const json::object body, api::list_inference_profiles(view, query));
      answer = json_answer(body, "application/json");
      break;
    }
    case api::OperationId::get_inference_profile: {
      CO_TRY(const json::object body, api::get_inference_profile(view, named()));
      answer = json_answer(body, "application/json");
      if (const auto reference = api::parse_model_reference(named())) {
        const auto* profile = trail.snapshot->catalog->profile(reference->id);
        if (const auto* entry = profile ? region_.models().find(profile->model_id) : nullptr) {
          answer.head.headers.add("x-tidegate-model", entry->config.name);
        }
      }
      break;
    }
    case api::OperationId::list_foundation_models: {
      CO_TRY(const json::object body, api::list_foundation_models(view, query));
      answer = json_answer(body, "application/json");
      break;
    }
    case api::OperationId::get_foundation_model: {
      CO_TRY(const json::object body, api::get_foundation_model(view, named()));
      answer = json_answer(body, "application/json");
      const auto reference = api::parse_model_reference(named());
      if (const auto* entry = reference ? region_.models().find(reference->id) : nullptr) {
        answer.head.headers.add("x-tidegate-model", entry->config.name);
      }
      break;
    }
    case api::OperationId::lookup_events: {
      CO_TRY(audit::EventQuery wanted,
             api::parse_lookup_events(trail.call->body, trail.principal->account()));
      CO_TRY(const audit::EventPage page,
             co_await offload(worker_.loop(), region_.background(),
                              [&] { return region_.log().lookup(wanted); }));
      answer = json_answer(api::lookup_events_answer(page), "application/x-amz-json-1.1");
      break;
    }
    case api::OperationId::get_caller_identity:
      answer.bytes = api::get_caller_identity_answer(*trail.principal, trail.request_id);
      answer.head.headers.add("content-type", "text/xml");
      break;
    default:
      co_return not_offered(operation);
  }
  answer.head.headers.add("content-length", std::to_string(answer.bytes.size()));
  answer.head.headers.add("x-amzn-requestid", trail.request_id);
  answer.head.headers.add("x-tidegate-inference-region", "none");
  co_return answer;
}

}  // namespace tidegate::gateway
