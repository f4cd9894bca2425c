#include "gateway/application_profiles.hpp"

#include <fmt/format.h>

#include "base/limits.hpp"

namespace tidegate::gateway {

Result<void> ApplicationProfileTable::load() {
  TRY(auto profiles, store_.load_profiles());
  std::unordered_map<std::string, api::ApplicationProfiles> accounts;
  for (auto& profile : profiles) {
    auto& account = accounts[profile.account];
    std::string id = profile.id;
    account.emplace(std::move(id),
                    std::make_shared<const api::ApplicationProfile>(std::move(profile)));
  }
  for (auto& [account, of_account] : accounts) publish(account, std::move(of_account));
  return {};
}

ApplicationProfileTable::OfAccount ApplicationProfileTable::of(std::string_view account) const {
  static const OfAccount none = std::make_shared<const api::ApplicationProfiles>();
  std::lock_guard lock(table_);
  const auto found = accounts_.find(std::string(account));
  return found == accounts_.end() ? none : found->second;
}

ApplicationProfileTable::Profile ApplicationProfileTable::find(std::string_view account,
                                                               std::string_view id) const {
  const OfAccount profiles = of(account);
  const auto found = profiles->find(id);
  return found == profiles->end() ? nullptr : found->second;
}

std::size_t ApplicationProfileTable::size() const {
  std::lock_guard lock(table_);
  std::size_t count = 0;
  for (const auto& [account, profiles] : accounts_) count += profiles->size();
  return count;
}

std::vector<ApplicationProfileTable::Profile> ApplicationProfileTable::all() const {
  std::lock_guard lock(table_);
  std::vector<Profile> out;
  for (const auto& [account, profiles] : accounts_) {
    for (const auto& [id, profile] : *profiles) out.push_back(profile);
  }
  return out;
}

Result<ApplicationProfileTable::BothSides> ApplicationProfileTable::both_sides() {
  std::lock_guard lock(change_);
  BothSides out;
  TRY(out.stored, store_.load_profiles());
  std::lock_guard served(table_);
  out.served = accounts_;
  return out;
}

ApplicationProfileTable::Profile ApplicationProfileTable::BothSides::find(
    std::string_view account, std::string_view id) const {
  const auto of_account = served.find(std::string(account));
  if (of_account == served.end()) return nullptr;
  const auto found = of_account->second->find(id);
  return found == of_account->second->end() ? nullptr : found->second;
}

Result<ApplicationProfileTable::Profile> ApplicationProfileTable::create(
    api::ApplicationProfile wanted) {
  std::lock_guard lock(change_);
  api::ApplicationProfiles profiles = *of(wanted.account);
  if (!wanted.client_token.empty()) {
    for (const auto& [id, profile] : profiles) {
      if (profile->client_token != wanted.client_token) continue;
      if (profile->request_hash == wanted.request_hash) return profile;
      return fail(ErrorCode::conflict,
                  "The clientRequestToken was used by a request with other parameters.",
                  "Send the same parameters again, or a new token.");
    }
  }
  if (profiles.contains(wanted.id)) {
    return fail(ErrorCode::conflict,
                fmt::format("An inference profile with the id {} exists.", wanted.id),
                "Choose another id, or delete the profile that has it.");
  }
  if (profiles.size() >= limits::application_profiles_max) {
    return fail(ErrorCode::too_many_resources,
                fmt::format("The account has {} application inference profiles in this Region, as "
                            "many as it can have.",
                            profiles.size()),
                "Delete those that are no longer used.");
  }
  TRY_VOID(store_.save_profile(wanted));
  const std::string account = wanted.account;
  const auto made = std::make_shared<const api::ApplicationProfile>(std::move(wanted));
  profiles.emplace(made->id, made);
  publish(account, std::move(profiles));
  return made;
}

Result<void> ApplicationProfileTable::remove(const std::string& account, const std::string& id) {
  std::lock_guard lock(change_);
  TRY_VOID(existing(account, id));
  TRY_VOID(store_.remove_profile(account, id));
  api::ApplicationProfiles profiles = *of(account);
  profiles.erase(id);
  publish(account, std::move(profiles));
  return {};
}

Result<void> ApplicationProfileTable::change_tags(const std::string& account, const std::string& id,
                                                  const api::TagChange& change, WallTime now) {
  std::lock_guard lock(change_);
  TRY(const Profile profile, existing(account, id));
  api::ApplicationProfile changed = *profile;
  TRY(changed.tags, api::apply_tag_change(*profile, change));
  changed.updated = now;
  TRY_VOID(store_.save_profile(changed));
  api::ApplicationProfiles profiles = *of(account);
  profiles.insert_or_assign(id,
                            std::make_shared<const api::ApplicationProfile>(std::move(changed)));
  publish(account, std::move(profiles));
  return {};
}

// Another request may have deleted it since this one was let in.
Result<ApplicationProfileTable::Profile> ApplicationProfileTable::existing(
    const std::string& account, const std::string& id) const {
  if (Profile profile = find(account, id)) return profile;
  return fail(ErrorCode::resource_not_found,
              "The provided inference profile identifier could not be found.");
}

void ApplicationProfileTable::publish(const std::string& account,
                                      api::ApplicationProfiles profiles) {
  auto published = std::make_shared<const api::ApplicationProfiles>(std::move(profiles));
  std::lock_guard lock(table_);
  accounts_.insert_or_assign(account, std::move(published));
}

}  // namespace tidegate::gateway
