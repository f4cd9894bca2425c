#include "api/bedrock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "aws/arn.hpp"

namespace tidegate::api {
namespace {

constexpr std::size_t page_max = 1000;  // API_ListInferenceProfiles: maxResults 1..1000

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

// One ARN a destination; a global profile lists the source's model and the Region-less one, as AWS
// does.
json::array model_arns(const BedrockView& view, const catalog::Profile& profile,
                       const catalog::Row& row) {
  json::array models;
  if (profile.scope == catalog::Scope::global) {
    models.push_back(
        json::object{{"modelArn", aws::foundation_model_arn(view.region.str(), profile.model_id)}});
    models.push_back(json::object{{"modelArn", aws::foundation_model_arn("", profile.model_id)}});
    return models;
  }
  for (const auto& destination : row.destinations()) {
    models.push_back(json::object{
        {"modelArn", aws::foundation_model_arn(destination.region().str(), profile.model_id)}});
  }
  return models;
}

std::string description(const catalog::Profile& profile, const catalog::Row& row) {
  const auto space = profile.name.find(' ');
  std::string out =
      "Routes requests to " + profile.name.substr(space == std::string::npos ? 0 : space + 1);
  if (profile.scope == catalog::Scope::global)
    return out + " globally across all supported AWS Regions.";
  out += " in ";
  const auto destinations = row.destinations();
  for (std::size_t i = 0; i < destinations.size(); ++i) {
    if (i > 0) out += i + 1 == destinations.size() ? " and " : ", ";
    out += destinations[i].region().str();
  }
  return out + ".";
}

json::object profile_summary(const BedrockView& view, const catalog::Profile& profile,
                             const catalog::Row& row) {
  return {{"inferenceProfileName", profile.name},
          {"description", description(profile, row)},
          {"inferenceProfileArn",
           aws::inference_profile_arn(view.region.str(), view.account, profile.id)},
          {"models", model_arns(view, profile, row)},
          {"inferenceProfileId", profile.id},
          {"status", "ACTIVE"},
          {"type", "SYSTEM_DEFINED"}};
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
          {"modelLifecycle", json::object{{"status", "ACTIVE"}}}};
}

Result<std::size_t> page_size(const Parameters& query) {
  const auto found = query.find("maxResults");
  if (found == query.end()) return page_max;
  std::size_t value = 0;
  const auto& text = found->second;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value < 1 || value > page_max) {
    return fail(
        ErrorCode::validation,
        fmt::format(
            "1 validation error detected: Value '{}' at 'maxResults' failed to satisfy constraint: "
            "Member must be between 1 and {}",
            text, page_max));
  }
  return value;
}

bool passes(const Parameters& query, std::string_view name, auto&& holds) {
  const auto found = query.find(name);
  return found == query.end() || holds(found->second);
}

}  // namespace

Result<json::object> list_inference_profiles(const BedrockView& view, const Parameters& query) {
  TRY(const std::size_t limit, page_size(query));
  if (const auto type = query.find("type");
      type != query.end() && type->second != "SYSTEM_DEFINED") {
    if (type->second == "APPLICATION")
      return json::object{{"inferenceProfileSummaries", json::array{}}};
    return fail(ErrorCode::validation,
                fmt::format("1 validation error detected: Value '{}' at 'typeEquals' failed to "
                            "satisfy constraint: Member "
                            "must satisfy enum value set: [SYSTEM_DEFINED, APPLICATION]",
                            type->second));
  }
  std::string after;
  if (const auto token = query.find("nextToken"); token != query.end()) {
    auto decoded = from_base64url(token->second);
    if (!decoded || !view.catalog.profile(*decoded)) {
      return fail(ErrorCode::validation, "The provided nextToken is invalid.");
    }
    after = *std::move(decoded);
  }
  json::array summaries;
  json::object out;
  for (const catalog::Profile* profile : view.catalog.profiles_from(view.region)) {
    if (!after.empty() && profile->id <= after) continue;
    if (summaries.size() == limit) {
      out["nextToken"] = to_base64url(std::string_view(
          json::find_string(summaries.back().get_object(), "inferenceProfileId").value_or("")));
      break;
    }
    summaries.push_back(profile_summary(view, *profile, *profile->row(view.region)));
  }
  out["inferenceProfileSummaries"] = std::move(summaries);
  return out;
}

Result<json::object> get_inference_profile(const BedrockView& view, std::string_view identifier) {
  TRY(const ModelReference reference, parse_model_reference(identifier));
  const catalog::Profile* profile = view.catalog.profile(reference.id);
  const catalog::Row* row = profile ? profile->row(view.region) : nullptr;
  const bool elsewhere =
      reference.kind == ModelReference::Kind::inference_profile_arn &&
      (reference.region != view.region.str() || reference.account != view.account);
  if (!row || elsewhere || reference.kind == ModelReference::Kind::foundation_model_arn) {
    return fail(ErrorCode::resource_not_found,
                "The provided inference profile identifier could not be found.",
                profile && !row
                    ? fmt::format("{} has no row for the source {}; list the profiles that it has.",
                                  profile->id, view.region.str())
                    : "");
  }
  return profile_summary(view, *profile, *row);
}

Result<json::object> list_foundation_models(const BedrockView& view, const Parameters& query) {
  json::array summaries;
  for (const auto& [id, model] : view.catalog.models()) {
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
  if (!model) {
    return fail(ErrorCode::resource_not_found,
                "Could not resolve the foundation model from the provided model identifier.");
  }
  return json::object{{"modelDetails", model_details(view, *model)}};
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
