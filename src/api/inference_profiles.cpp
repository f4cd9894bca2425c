#include "api/inference_profiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ranges>

#include "aws/arn.hpp"
#include "aws/sigv4.hpp"

namespace tidegate::api {
namespace {

constexpr std::size_t page_max = 1000;  // API_ListInferenceProfiles: maxResults 1..1000
constexpr std::string_view system_type = "SYSTEM_DEFINED";
constexpr std::string_view application_type = "APPLICATION";

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

bool is_gone(const BedrockView& view, const catalog::Profile& profile) {
  return profile.lifecycle.at(view.now) == catalog::Stage::gone;
}

json::object summary_of(const BedrockView& view, const catalog::Profile& profile,
                        const catalog::Row& row) {
  // AWS's shape has the status ACTIVE only; what is on its way out says so in words.
  std::string text = description(profile, row);
  if (profile.lifecycle.at(view.now) == catalog::Stage::legacy) {
    text += ' ' + lifecycle_sentence(profile.lifecycle) + '.';
  }
  return {{"inferenceProfileName", profile.name},
          {"description", std::move(text)},
          {"inferenceProfileArn",
           aws::inference_profile_arn(view.region.str(), view.account, profile.id)},
          {"models", model_arns(view, profile, row)},
          {"inferenceProfileId", profile.id},
          {"status", "ACTIVE"},
          {"type", "SYSTEM_DEFINED"}};
}

// Of a profile that copies a foundation model: that model, here. Empty if the catalogue no longer
// has what was copied.
json::array model_arns(const BedrockView& view, const ApplicationProfile& profile) {
  if (profile.profile_id.empty()) {
    return {
        json::object{{"modelArn", aws::foundation_model_arn(view.region.str(), profile.model_id)}}};
  }
  const catalog::Profile* base = view.catalog.profile(profile.profile_id);
  const catalog::Row* row = base ? base->row(view.region) : nullptr;
  if (!row) return {};
  const auto subset = narrowed_row(*row, profile.tags);
  if (!subset) return {};
  if (!*subset) return model_arns(view, *base, *row);
  json::array models;
  for (const catalog::RegionId& region : (*subset)->regions()) {
    models.push_back(
        json::object{{"modelArn", aws::foundation_model_arn(region.str(), profile.model_id)}});
  }
  return models;
}

json::object summary_of(const BedrockView& view, const ApplicationProfile& profile) {
  json::object out{{"inferenceProfileName", profile.name},
                   {"inferenceProfileArn",
                    application_profile_arn(view.region.str(), profile.account, profile.id)},
                   {"models", model_arns(view, profile)},
                   {"inferenceProfileId", profile.id},
                   {"status", "ACTIVE"},
                   {"type", application_type},
                   {"createdAt", aws::iso8601_millis(profile.created)},
                   {"updatedAt", aws::iso8601_millis(profile.updated)}};
  if (!profile.description.empty()) out["description"] = profile.description;
  return out;
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

// Where a page begins: after this id of this kind. Ids stay in order whatever is made or deleted
// between two pages, so that none is skipped or told twice.
struct PageStart {
  std::string_view type = system_type;
  std::string after;
};

std::string next_token(std::string_view type, std::string_view id) {
  return to_base64url(fmt::format("{}/{}", type, id));
}

Result<PageStart> page_start(const Parameters& query) {
  const auto token = query.find("nextToken");
  if (token == query.end()) return PageStart{};
  const std::string text = from_base64url(token->second).value_or("");
  for (const std::string_view type : {system_type, application_type}) {
    if (text.starts_with(type) && text.size() > type.size() + 1 && text[type.size()] == '/') {
      return PageStart{type, text.substr(type.size() + 1)};
    }
  }
  return fail(ErrorCode::validation, "The provided nextToken is invalid.");
}

std::unexpected<Error> not_found(std::string mend = {}) {
  return fail(ErrorCode::resource_not_found,
              "The provided inference profile identifier could not be found.", std::move(mend));
}

// An ARN of another Region or account names nothing here.
bool is_elsewhere(const BedrockView& view, const ModelReference& reference) {
  return reference.kind != ModelReference::Kind::id &&
         (reference.region != view.region.str() || reference.account != view.account);
}

}  // namespace

std::string application_profile_arn(std::string_view region, std::string_view account,
                                    std::string_view id) {
  return aws::Arn{std::string(aws::partition_of(region)), "bedrock", std::string(region),
                  std::string(account), "application-inference-profile/" + std::string(id)}
      .str();
}

Result<std::optional<catalog::RowSubset>> narrowed_row(const catalog::Row& row,
                                                       const std::vector<Tag>& tags) {
  const auto tag = std::ranges::find(tags, regions_tag, &Tag::key);
  if (tag == tags.end()) return std::nullopt;
  std::vector<catalog::RegionId> regions;
  for (const auto word : std::views::split(tag->value, ' ')) {
    if (!word.empty()) regions.emplace_back(std::string(word.begin(), word.end()));
  }
  auto subset = row.narrow(std::move(regions));
  if (subset) return *std::move(subset);
  Error told = std::move(subset).error();
  told.code = ErrorCode::validation;
  told.origin = Origin::client;
  told.message = fmt::format("The tag {} is '{}': {}.", regions_tag, tag->value, told.message);
  told.mend = fmt::format("In the tag, separated by spaces, {}.", told.mend);
  told.why = {};
  return fail(std::move(told));
}

Result<std::optional<catalog::RowSubset>> narrowed_row(const BedrockView& view,
                                                       const ApplicationProfile& profile,
                                                       const std::vector<Tag>& tags) {
  if (profile.profile_id.empty()) {
    return narrowed_row(catalog::Catalog::in_region_row(profile.model_id, view.region), tags);
  }
  const catalog::Profile* base = view.catalog.profile(profile.profile_id);
  const catalog::Row* row = base ? base->row(view.region) : nullptr;
  if (!row) return std::nullopt;  // nothing of it can run here
  return narrowed_row(*row, tags);
}

Result<json::object> list_inference_profiles(const BedrockView& view,
                                             const ApplicationProfiles& applications,
                                             const Parameters& query) {
  TRY(const std::size_t limit, page_size(query));
  TRY(const PageStart start, page_start(query));
  const auto type = query.find("type");
  if (type != query.end() && type->second != system_type && type->second != application_type) {
    return fail(ErrorCode::validation,
                fmt::format("1 validation error detected: Value '{}' at 'typeEquals' failed to "
                            "satisfy constraint: Member must satisfy enum value set: [{}, {}]",
                            type->second, system_type, application_type));
  }
  const auto wanted = [&](std::string_view kind) {
    return type == query.end() || type->second == kind;
  };
  json::array summaries;
  std::string more;  // the token, if not all fit
  std::string last;
  // False: the page is full.
  const auto add = [&](std::string_view kind, const std::string& id, auto&& summary) {
    if (summaries.size() == limit) {
      more = last;
      return false;
    }
    summaries.push_back(summary());
    last = next_token(kind, id);
    return true;
  };
  if (wanted(system_type) && start.type == system_type) {
    for (const catalog::Profile* profile : view.catalog.profiles_from(view.region)) {
      if (profile->id <= start.after || is_gone(view, *profile)) continue;
      if (!add(system_type, profile->id,
               [&] { return summary_of(view, *profile, *profile->row(view.region)); }))
        break;
    }
  }
  if (wanted(application_type) && more.empty()) {
    auto from = start.type == application_type ? applications.upper_bound(start.after)
                                               : applications.begin();
    for (; from != applications.end(); ++from) {
      if (!add(application_type, from->first, [&] { return summary_of(view, *from->second); }))
        break;
    }
  }
  json::object out{{"inferenceProfileSummaries", std::move(summaries)}};
  if (!more.empty()) out["nextToken"] = more;
  return out;
}

Result<json::object> get_inference_profile(const BedrockView& view,
                                           const ApplicationProfiles& applications,
                                           std::string_view identifier) {
  using Kind = ModelReference::Kind;
  TRY(const ModelReference reference, parse_model_reference(identifier));
  if (is_elsewhere(view, reference) || reference.kind == Kind::foundation_model_arn) {
    return not_found();
  }
  const catalog::Profile* profile = view.catalog.profile(reference.id);
  if (profile && reference.kind != Kind::application_profile_arn) {
    if (is_gone(view, *profile)) {
      return not_found(profile->lifecycle.successor.empty()
                           ? std::string()
                           : fmt::format("{} reached its end of life; its successor is {}.",
                                         profile->id, profile->lifecycle.successor));
    }
    if (const catalog::Row* row = profile->row(view.region)) {
      return summary_of(view, *profile, *row);
    }
    return not_found(fmt::format("{} has no row for the source {}; list the profiles that it has.",
                                 profile->id, view.region.str()));
  }
  const auto application = applications.find(reference.id);
  if (application == applications.end() || reference.kind == Kind::inference_profile_arn) {
    return not_found();
  }
  return summary_of(view, *application->second);
}

Result<std::string> inference_profile_resource(const BedrockView& view,
                                               const ApplicationProfiles& applications,
                                               std::string_view identifier) {
  TRY(const ModelReference reference, parse_model_reference(identifier));
  if (reference.kind != ModelReference::Kind::id) return std::string(identifier);
  const bool is_application =
      !view.catalog.profile(reference.id) && applications.contains(reference.id);
  return is_application ? application_profile_arn(view.region.str(), view.account, reference.id)
                        : aws::inference_profile_arn(view.region.str(), view.account, reference.id);
}

Result<std::shared_ptr<const ApplicationProfile>> application_profile_named(
    const BedrockView& view, const ApplicationProfiles& applications, std::string_view identifier) {
  using Kind = ModelReference::Kind;
  TRY(const ModelReference reference, parse_model_reference(identifier));
  const bool of_catalogue = reference.kind == Kind::foundation_model_arn ||
                            reference.kind == Kind::inference_profile_arn ||
                            (reference.kind == Kind::id && view.catalog.profile(reference.id));
  if (of_catalogue) {
    return fail(ErrorCode::validation,
                fmt::format("{} can't be changed or deleted: it is not an application inference "
                            "profile.",
                            reference.id),
                "Create an application inference profile that copies it, and change that.");
  }
  const auto found = applications.find(reference.id);
  if (is_elsewhere(view, reference) || found == applications.end()) {
    return not_found(
        "ListInferenceProfiles with the type APPLICATION shows those of this account "
        "in this Region.");
  }
  return found->second;
}

}  // namespace tidegate::api
