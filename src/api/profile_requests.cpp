#include "api/profile_requests.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aws/arn.hpp"
#include "base/limits.hpp"
#include "chat/converse_member.hpp"

namespace tidegate::api {
namespace {

using chat::Member;

constexpr std::size_t tag_list_max = 200;  // a list of tags or keys in one request

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_tag_character(char c) {
  return is_alphanumeric(c) ||
         std::string_view(" \t\n\v\f\r._:/=+@-").find(c) != std::string_view::npos;
}
constexpr std::string_view tag_pattern = R"([a-zA-Z0-9\s._:/=+@-]*)";

bool is_id_character(char c) {
  return is_alphanumeric(c) || c == '-' || c == ':' || c == '.';
}
constexpr std::string_view id_pattern = "[a-zA-Z0-9-:.]+";
constexpr std::size_t id_max = 64;

std::unexpected<Error> breaks_pattern(const Member& member, std::string_view text,
                                      std::string_view pattern) {
  return member.violates(
      text, fmt::format("Member must satisfy regular expression pattern: {}", pattern));
}

// ([letters][ _-]?)+ : letters, and single separators that follow one.
Result<std::string> read_phrase(const Member& member, std::size_t max,
                                std::string_view more_letters) {
  TRY(const std::string_view text, member.string_of_length(1, max));
  bool after_letter = false;
  for (const char c : text) {
    const bool letter = is_alphanumeric(c) || more_letters.contains(c);
    const bool separator = (c == ' ' || c == '_' || c == '-') && after_letter;
    if (!letter && !separator) {
      return breaks_pattern(member, text, fmt::format("([0-9a-zA-Z{}][ _-]?)+", more_letters));
    }
    after_letter = letter;
  }
  return std::string(text);
}

Result<std::string> read_client_token(const Member& member) {
  TRY(const std::string_view text, member.string_of_length(1, 256));
  const bool good =
      is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
      std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-'; });
  if (!good) {
    return breaks_pattern(member, text, "[a-zA-Z0-9]([-a-zA-Z0-9]{0,254}[a-zA-Z0-9])?");
  }
  return std::string(text);
}

Result<std::string> read_source_arn(const Member& root) {
  TRY(const Member source, root.required("modelSource"));
  static constexpr std::string_view keys[] = {"copyFrom"};
  TRY(const Member copy_from, source.only_one_of("InferenceProfileModelSource", keys));
  TRY(const std::string_view arn, copy_from.string_of_length(1, 2048));
  const auto reference = parse_model_reference(arn);
  using Kind = ModelReference::Kind;
  if (!reference || reference->kind == Kind::id) {
    return breaks_pattern(copy_from, arn,
                          "arn:aws(|-us-gov|-cn|-iso|-iso-b):bedrock:(|[0-9a-z-]{0,20}):(|[0-9]{12}"
                          "):(inference-profile|foundation-model)/[a-zA-Z0-9-:.]+");
  }
  return std::string(arn);
}

Result<std::string> read_tag_key(const Member& key) {
  TRY(const std::string_view text, key.string_of_length(1, 128));
  TRY_VOID(key.matches(text, tag_pattern, is_tag_character));
  return std::string(text);
}

Result<const json::array*> read_list(const Member& list) {
  TRY(const json::array* items, list.array());
  if (items->size() > tag_list_max) {
    return list.violates(
        "", fmt::format("Member must have length less than or equal to {}", tag_list_max));
  }
  return items;
}

// Sorted by key, each key once.
Result<std::vector<Tag>> read_tags(const Member& list) {
  TRY(const json::array* items, read_list(list));
  std::vector<Tag> tags;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const Member item((*items)[i], list, i);
    TRY_VOID(item.object());
    TRY(const Member key, item.required("key"));
    TRY(const Member value, item.required("value"));
    TRY(std::string key_text, read_tag_key(key));
    if (iequals_ascii(std::string_view(key_text).substr(0, 4), "aws:")) {
      return chat::invalid("Tag keys that start with aws: are reserved for system use.");
    }
    TRY(const std::string_view value_text, value.string_of_length(0, 256));
    TRY_VOID(value.matches(value_text, tag_pattern, is_tag_character));
    tags.push_back({std::move(key_text), std::string(value_text)});
  }
  std::ranges::sort(tags, {}, &Tag::key);
  const auto twice = std::ranges::adjacent_find(tags, {}, &Tag::key);
  if (twice != tags.end()) {
    return chat::invalid(fmt::format("Tag keys must be unique: {} is there twice.", twice->key));
  }
  return tags;
}

std::unexpected<Error> too_many(std::size_t count) {
  return fail(ErrorCode::too_many_tags,
              fmt::format("The request would leave the resource with {} tags; it can have {}.",
                          count, limits::tags_max));
}

const Tag* find_tag(const std::vector<Tag>& tags, std::string_view key) {
  const auto found = std::ranges::find(tags, key, &Tag::key);
  return found == tags.end() ? nullptr : &*found;
}

bool contains(const std::vector<std::string>& keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

Result<std::string> read_chosen_id(const std::vector<Tag>& tags) {
  const Tag* tag = find_tag(tags, id_tag);
  if (!tag) return std::string();
  const std::string& id = tag->value;
  if (id.empty() || id.size() > id_max || !std::ranges::all_of(id, is_id_character)) {
    return chat::invalid(
        fmt::format("The tag {} is '{}', which cannot be an inference profile's id.", id_tag, id),
        fmt::format("An id has 1 to {} characters of {}.", id_max, id_pattern));
  }
  return id;
}

Result<std::string> read_resource_arn(const Member& root) {
  TRY(const Member member, root.required("resourceARN"));
  TRY(const std::string_view text, member.string_of_length(20, 1011));
  const auto arn = aws::Arn::parse(text);
  if (!arn || arn->service != "bedrock") {
    return breaks_pattern(member, text, "arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:.+");
  }
  if (!parse_model_reference(text)) {
    return fail(ErrorCode::resource_not_found, "The resource could not be found.",
                "Only application inference profiles have tags here.");
  }
  return std::string(text);
}

// A hash of all that a request says beside its token.
std::string hash_of(const CreateProfile& request) {
  return to_hex(sha256(json::canonical(json::object{{"name", request.name},
                                                    {"description", request.description},
                                                    {"copyFrom", request.copy_from},
                                                    {"tags", tags_json(request.tags)}})));
}

}  // namespace

Result<CreateProfile> parse_create_inference_profile(std::string_view body) {
  TRY(const json::value parsed, json::parse(body));
  const Member root(parsed);
  TRY_VOID(root.object());
  CreateProfile out;
  TRY(const Member name, root.required("inferenceProfileName"));
  TRY(out.name, read_phrase(name, 64, ""));
  if (const auto member = root.child("description")) {
    TRY(out.description, read_phrase(*member, 200, ":."));
  }
  if (const auto member = root.child("clientRequestToken")) {
    TRY(out.client_token, read_client_token(*member));
  }
  TRY(out.copy_from, read_source_arn(root));
  if (const auto member = root.child("tags")) {
    TRY(out.tags, read_tags(*member));
  }
  if (out.tags.size() > limits::tags_max) return too_many(out.tags.size());
  TRY(out.chosen_id, read_chosen_id(out.tags));
  return out;
}

Result<ApplicationProfile> new_application_profile(const BedrockView& view, CreateProfile request) {
  using Kind = ModelReference::Kind;
  const auto refuse = [&](std::string_view why, std::string mend) {
    return chat::invalid(fmt::format("{} can't be copied: {}.", request.copy_from, why),
                         std::move(mend));
  };
  TRY(const ModelReference source, parse_model_reference(request.copy_from));
  if (source.kind == Kind::application_profile_arn) {
    return refuse("it is an application inference profile",
                  "Copy a system-defined inference profile or a foundation model.");
  }
  if (source.region != view.region.str()) {
    return refuse(fmt::format("its Region is not {}", view.region.str()),
                  "Call the endpoint of that Region, or name the source in this one.");
  }
  if (source.kind == Kind::inference_profile_arn && source.account != view.account) {
    return refuse("its account is not the caller's",
                  fmt::format("Name it with the account {}.", view.account));
  }
  if (!request.chosen_id.empty() &&
      (view.catalog.profile(request.chosen_id) || view.catalog.model(request.chosen_id))) {
    return chat::invalid(
        fmt::format("{} is the id of a system-defined profile or a model.", request.chosen_id),
        fmt::format("Choose another value for the tag {}.", id_tag));
  }
  ApplicationProfile out{.account = std::string(view.account),
                         .id = request.chosen_id,
                         .name = request.name,
                         .description = request.description,
                         .profile_id = {},
                         .model_id = source.id,
                         .tags = request.tags,
                         .client_token = request.client_token,
                         .request_hash = hash_of(request)};
  if (source.kind == Kind::inference_profile_arn) {
    const catalog::Profile* profile = view.catalog.profile(source.id);
    if (!profile || !profile->row(view.region) ||
        profile->lifecycle.at(view.now) == catalog::Stage::gone) {
      return fail(ErrorCode::resource_not_found,
                  "The provided inference profile identifier could not be found.",
                  fmt::format("ListInferenceProfiles shows the profiles that {} can copy.",
                              view.region.str()));
    }
    out.profile_id = profile->id;
    out.model_id = profile->model_id;
    TRY_VOID(narrowed_row(view, out, out.tags));
    return out;
  }
  if (!view.catalog.model(source.id) && !view.runs_here(source.id)) {
    return fail(ErrorCode::resource_not_found,
                "Could not resolve the foundation model from the provided model identifier.");
  }
  if (!view.runs_here(source.id)) {
    return refuse(fmt::format("{} does not run the model itself", view.region.str()),
                  "Copy a system-defined inference profile of this model.");
  }
  TRY_VOID(narrowed_row(view, out, out.tags));
  return out;
}

json::object create_inference_profile_answer(const BedrockView& view,
                                             const ApplicationProfile& profile) {
  return {{"inferenceProfileArn",
           application_profile_arn(view.region.str(), profile.account, profile.id)},
          {"status", "ACTIVE"}};
}

Result<std::string> parse_list_tags_for_resource(std::string_view body) {
  TRY(const json::value parsed, json::parse(body));
  const Member root(parsed);
  TRY_VOID(root.object());
  return read_resource_arn(root);
}

Result<TagChange> parse_tag_resource(std::string_view body) {
  TRY(const json::value parsed, json::parse(body));
  const Member root(parsed);
  TRY_VOID(root.object());
  TagChange out;
  TRY(out.resource_arn, read_resource_arn(root));
  TRY(const Member tags, root.required("tags"));
  TRY(out.set, read_tags(tags));
  return out;
}

Result<TagChange> parse_untag_resource(std::string_view body) {
  TRY(const json::value parsed, json::parse(body));
  const Member root(parsed);
  TRY_VOID(root.object());
  TagChange out;
  TRY(out.resource_arn, read_resource_arn(root));
  TRY(const Member keys, root.required("tagKeys"));
  TRY(const json::array* items, read_list(keys));
  for (std::size_t i = 0; i < items->size(); ++i) {
    TRY(std::string key, read_tag_key(Member((*items)[i], keys, i)));
    out.unset.push_back(std::move(key));
  }
  return out;
}

Result<std::vector<Tag>> apply_tag_change(const ApplicationProfile& profile,
                                          const TagChange& change) {
  const Tag* new_id = find_tag(change.set, id_tag);
  if ((new_id && new_id->value != profile.id) || contains(change.unset, id_tag)) {
    return chat::invalid(
        fmt::format("The tag {} chose the id of this inference profile, which stays.", id_tag),
        "Create another inference profile with the id that you want.");
  }
  std::vector<Tag> out = change.set;
  for (const Tag& tag : profile.tags) {
    if (!find_tag(change.set, tag.key) && !contains(change.unset, tag.key)) {
      out.push_back(tag);
    }
  }
  if (out.size() > limits::tags_max) return too_many(out.size());
  std::ranges::sort(out, {}, &Tag::key);
  return out;
}

json::array tags_json(const std::vector<Tag>& tags) {
  json::array out;
  for (const Tag& tag : tags) out.push_back(json::object{{"key", tag.key}, {"value", tag.value}});
  return out;
}

}  // namespace tidegate::api
