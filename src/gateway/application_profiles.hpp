// The application inference profiles of a Region, behind one table that all workers read: a change
// is on disk, and every worker sees it, before the request that made it is answered. Readers get
// immutable values; a request that has resolved its profile keeps it, whatever is deleted
// meanwhile.
#pragma once

#include <mutex>
#include <unordered_map>

#include "api/inference_profiles.hpp"
#include "api/profile_requests.hpp"

namespace tidegate::gateway {

// Where they are kept. Errors: store_unavailable.
class ApplicationProfileStore {
 public:
  virtual ~ApplicationProfileStore() = default;
  virtual Result<std::vector<api::ApplicationProfile>> load_profiles() = 0;
  // Adds it, or replaces the one with its account and id; with its tags, all or nothing.
  virtual Result<void> save_profile(const api::ApplicationProfile& profile) = 0;
  virtual Result<void> remove_profile(std::string_view account, std::string_view id) = 0;
};

// One that could be called and cannot any more, and why.
struct LostProfile {
  std::string arn, why;
};

class ApplicationProfileTable {
 public:
  using Profile = std::shared_ptr<const api::ApplicationProfile>;
  using OfAccount = std::shared_ptr<const api::ApplicationProfiles>;

  explicit ApplicationProfileTable(ApplicationProfileStore& store) : store_(store) {}
  Result<void> load();  // once, before anybody reads

  // From any thread. Never null; empty for an account without any.
  OfAccount of(std::string_view account) const;
  Profile find(std::string_view account, std::string_view id) const;  // nullptr: not there
  std::size_t size() const;
  std::vector<Profile> all() const;

  // What is on disk and what is served by, of all accounts, between two changes: whoever compares
  // them must not see one of them half made. It blocks on the store. Errors: store_unavailable.
  struct BothSides {
    std::vector<api::ApplicationProfile> stored;
    std::unordered_map<std::string, OfAccount> served;  // by account
    Profile find(std::string_view account, std::string_view id) const;
  };
  Result<BothSides> both_sides();

  // The three changes block on the store: they run in the background.
  // The same token and the same request give the profile that it made. Errors: conflict (an id that
  // is taken, a token of another request), too_many_resources, store_unavailable.
  Result<Profile> create(api::ApplicationProfile wanted);
  // Errors: resource_not_found, store_unavailable.
  Result<void> remove(const std::string& account, const std::string& id);
  // Errors: resource_not_found, those of api::apply_tag_change(), store_unavailable.
  Result<void> change_tags(const std::string& account, const std::string& id,
                           const api::TagChange& change, WallTime now);

 private:
  Result<Profile> existing(const std::string& account, const std::string& id) const;
  void publish(const std::string& account, api::ApplicationProfiles profiles);

  ApplicationProfileStore& store_;
  std::mutex change_;         // one change at a time, with its write to the store
  mutable std::mutex table_;  // held for a look-up only
  std::unordered_map<std::string, OfAccount> accounts_;
};

}  // namespace tidegate::gateway
