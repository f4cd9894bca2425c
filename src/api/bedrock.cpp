#include "api/bedrock.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aws/arn.hpp"
#include "aws/sigv4.hpp"

namespace tidegate::api {
namespace {

std::string_view modality_name(catalog::Modality modality) {
  switch (modality) {
    case catalog::Modality::text:
      return "TEXT";
    case catalog::Modality::image:
      return "IMAGE";
    case catalog::Modality::video:
      return "VIDEO";
    case catalog::Modality::speech:
      return "SPEECH";
    case catalog::Modality::embedding:
      return "EMBEDDING";
  }
  return "TEXT";
}

// The members that AWS has for it; the successor has none there.
json::object lifecycle_json(const catalog::Lifecycle& lifecycle, WallTime now) {
  json::object out{{"status", lifecycle.at(now) == catalog::Stage::active ? "ACTIVE" : "LEGACY"}};
  if (lifecycle.legacy) out["legacyTime"] = aws::iso8601(*lifecycle.legacy);
  if (lifecycle.end_of_life) out["endOfLifeTime"] = aws::iso8601(*lifecycle.end_of_life);
  return out;
}

json::object model_details(const BedrockView& view, const catalog::Model& model) {
  json::array input;
  json::array output;
  for (const auto modality : model.input) input.push_back(json::value(modality_name(modality)));
  for (const auto modality : model.output) output.push_back(json::value(modality_name(modality)));
  return {{"modelArn", aws::foundation_model_arn(view.region.str(), model.id)},
          {"modelId", model.id},
          {"modelName", model.name},
          {"providerName", model.provider},
          {"inputModalities", std::move(input)},
          {"outputModalities", std::move(output)},
          {"responseStreamingSupported", model.streams},
          {"customizationsSupported", json::array{}},
          {"inferenceTypesSupported",
           json::array{view.runs_here(model.id) ? "ON_DEMAND" : "INFERENCE_PROFILE"}},
          {"modelLifecycle", lifecycle_json(model.lifecycle, view.now)}};
}

bool passes(const Parameters& query, std::string_view name, auto&& holds) {
  const auto found = query.find(name);
  return found == query.end() || holds(found->second);
}

bool is_gone(const catalog::Lifecycle& lifecycle, WallTime now) {
  return lifecycle.at(now) == catalog::Stage::gone;
}

std::unexpected<Error> no_such_model(const catalog::Model* gone = nullptr) {
  const bool successor = gone && !gone->lifecycle.successor.empty();
  return fail(ErrorCode::resource_not_found,
              "Could not resolve the foundation model from the provided model identifier.",
              successor ? fmt::format("{} reached its end of life; its successor is {}.", gone->id,
                                      gone->lifecycle.successor)
                        : std::string());
}

}  // namespace

std::string lifecycle_sentence(const catalog::Lifecycle& lifecycle) {
  std::string out = "LEGACY";
  if (lifecycle.legacy) out += " since " + aws::iso8601(*lifecycle.legacy);
  if (lifecycle.end_of_life) out += ", served until " + aws::iso8601(*lifecycle.end_of_life);
  if (!lifecycle.successor.empty()) out += ", successor " + lifecycle.successor;
  return out;
}

Result<json::object> list_foundation_models(const BedrockView& view, const Parameters& query) {
  json::array summaries;
  for (const auto& [id, model] : view.catalog.models()) {
    if (is_gone(model.lifecycle, view.now)) continue;
    json::object details = model_details(view, model);
    const auto has = [&](std::string_view member, const std::string& wanted) {
      for (const json::value& item : *json::find_array(details, member)) {
        if (std::string_view(item.get_string()) == wanted) return true;
      }
      return false;
    };
    if (!passes(query, "byProvider",
                [&](const std::string& p) { return iequals_ascii(p, model.provider); }) ||
        !passes(query, "byOutputModality",
                [&](const std::string& m) { return has("outputModalities", m); }) ||
        !passes(query, "byInferenceType",
                [&](const std::string& t) { return has("inferenceTypesSupported", t); }) ||
        query.contains("byCustomizationType")) {
      continue;
    }
    summaries.push_back(std::move(details));
  }
  return json::object{{"modelSummaries", std::move(summaries)}};
}

Result<json::object> get_foundation_model(const BedrockView& view, std::string_view identifier) {
  TRY(const ModelReference reference, parse_model_reference(identifier));
  const catalog::Model* model = view.catalog.model(reference.id);
  if (!model || is_gone(model->lifecycle, view.now)) return no_such_model(model);
  return json::object{{"modelDetails", model_details(view, *model)}};
}

Result<json::object> get_foundation_model_availability(const BedrockView& view,
                                                       std::string_view model_id, Usable usable) {
  const catalog::Model* model = view.catalog.model(model_id);
  if (!model || is_gone(model->lifecycle, view.now)) return no_such_model(model);
  const bool in_region =
      view.runs_here(model_id) ||
      std::ranges::any_of(view.catalog.profiles_from(view.region),
                          [&](const auto* profile) { return profile->model_id == model_id; });
  // There is no agreement to sign and nothing to subscribe to: those two are always there.
  return json::object{
      {"modelId", model->id},
      {"agreementAvailability", json::object{{"status", "AVAILABLE"}}},
      {"authorizationStatus", usable == Usable::yes ? "AUTHORIZED" : "NOT_AUTHORIZED"},
      {"entitlementAvailability", "AVAILABLE"},
      {"regionAvailability", in_region ? "AVAILABLE" : "NOT_AVAILABLE"}};
}

Result<ModelReference> parse_model_reference(std::string_view text) {
  const auto invalid = [] {
    return fail(ErrorCode::invalid_model_identifier, "The provided model identifier is invalid.");
  };
  const bool plain = !text.empty() && text.size() <= 2048 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == ':' || c == '_' || c == '/';
  });
  if (!plain) return invalid();
  if (!text.starts_with("arn:")) {
    if (text.contains('/')) return invalid();
    return ModelReference{ModelReference::Kind::id, std::string(text), {}, {}};
  }
  const auto arn = aws::Arn::parse(text);
  if (!arn || arn->service != "bedrock") return invalid();
  const auto slash = arn->resource.find('/');
  if (slash == std::string::npos || slash + 1 == arn->resource.size()) return invalid();
  const std::string_view type = std::string_view(arn->resource).substr(0, slash);
  ModelReference out{{}, arn->resource.substr(slash + 1), arn->region, arn->account};
  if (out.id.contains('/')) return invalid();
  if (type == "foundation-model" && arn->account.empty()) {
    out.kind = ModelReference::Kind::foundation_model_arn;
  } else if (type == "inference-profile" && !arn->account.empty()) {
    out.kind = ModelReference::Kind::inference_profile_arn;
  } else if (type == "application-inference-profile" && !arn->account.empty()) {
    out.kind = ModelReference::Kind::application_profile_arn;
  } else {
    return invalid();
  }
  return out;
}

}  // namespace tidegate::api
