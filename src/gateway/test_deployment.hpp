// Several whole Regions in one thread and in virtual time: the production gateway, peer, audit and
// routing code over in-memory HTTP, with a scripted model server in each Region. For tests; a
// simulator grows from it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "audit/memory_disk.hpp"
#include "aws/sigv4.hpp"
#include "base/virtual_loop.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"
#include "http/memory.hpp"
#include "peer/signing_fixture.hpp"

namespace tidegate::gateway {

inline const std::string demo_arn = "arn:aws:iam::111122223333:user/demo";
inline const aws::Credentials demo_key{"AKIADEMO000000000001", "demo-secret"};
inline const std::string demo_api_key = "tgk_demo";

class MemoryDocuments final : public DocumentStore {
 public:
  Result<Documents> load() override { return documents_; }
  Result<Documents> apply(const Documents& changes) override {
    const auto version = documents_.version;
    documents_ = merge(std::move(documents_), changes);
    documents_.version = version + 1;
    return documents_;
  }

 private:
  Documents documents_;
};

class MemoryProfiles final : public ApplicationProfileStore {
 public:
  Result<std::vector<api::ApplicationProfile>> load_profiles() override {
    std::vector<api::ApplicationProfile> out;
    for (const auto& [key, profile] : profiles_) out.push_back(profile);
    return out;
  }
  Result<void> save_profile(const api::ApplicationProfile& profile) override {
    if (broken) return fail(ErrorCode::store_unavailable, "no disk");
    profiles_.insert_or_assign({profile.account, profile.id}, profile);
    return {};
  }
  Result<void> remove_profile(std::string_view account, std::string_view id) override {
    if (broken) return fail(ErrorCode::store_unavailable, "no disk");
    profiles_.erase({std::string(account), std::string(id)});
    return {};
  }
  bool broken = false;

 private:
  std::map<std::pair<std::string, std::string>, api::ApplicationProfile> profiles_;
};

class MemoryRestrictions final : public RestrictionStore {
 public:
  Result<std::vector<Restriction>> load_restrictions() override { return kept; }
  Result<void> save_restriction(const Restriction& restriction) override {
    std::erase_if(kept, [&](const Restriction& one) {
      return one.region == restriction.region && one.kind == restriction.kind;
    });
    kept.push_back(restriction);
    return {};
  }
  Result<void> remove_restriction(const catalog::RegionId& region, RestrictionKind kind) override {
    std::erase_if(kept,
                  [&](const Restriction& one) { return one.region == region && one.kind == kind; });
    return {};
  }
  std::vector<Restriction> kept;
};

// An OpenAI-compatible model server whose answers take `think` and stream a word every `pace`.
class ScriptedModel final : public http::Handler {
 public:
  ScriptedModel(Loop& loop, std::string region) : loop_(loop), region_(std::move(region)) {}
  Task<void> serve(http::Exchange& exchange) override;

  Duration think = 50ms;
  Duration pace = 10ms;
  int words = 5;
  int fail_with_status = 0;  // answers this instead
  int served = 0, cancelled = 0;
  std::vector<std::string> bodies;  // everything it was ever sent

 private:
  Loop& loop_;
  std::string region_;
};

class MemoryLinks final : public peer::Links {
 public:
  std::shared_ptr<http::Channel> channel(const catalog::RegionId& region) override {
    const auto found = channels_.find(region);
    return found != channels_.end() && found->second->usable() ? found->second : nullptr;
  }
  Duration rtt(const catalog::RegionId&) const override { return 20ms; }
  void dial(std::vector<peer::PeerConfig> peers) override { dialled = std::move(peers); }
  void on_change(std::function<void(const catalog::RegionId&, bool)> listener) override {
    listener_ = std::move(listener);
  }
  void connect(const catalog::RegionId& region, std::shared_ptr<http::MemoryChannel> channel) {
    channels_[region] = std::move(channel);
    if (listener_) listener_(region, true);
  }
  void cut(const catalog::RegionId& region) {
    if (auto found = channels_.find(region); found != channels_.end()) {
      found->second->break_all();
      if (listener_) listener_(region, false);
    }
  }
  void refuse(const catalog::RegionId& region,
              std::function<bool(const http::ClientRequest&)> refuses) {
    channels_.at(region)->refuses = std::move(refuses);
  }
  std::vector<catalog::RegionId> connected() const {
    std::vector<catalog::RegionId> out;
    for (const auto& [region, channel] : channels_) out.push_back(region);
    return out;
  }
  std::vector<peer::PeerConfig> dialled;  // as the worker wants it now

 private:
  std::map<catalog::RegionId, std::shared_ptr<http::MemoryChannel>> channels_;
  std::function<void(const catalog::RegionId&, bool)> listener_;
};

struct TestRegion {
  std::shared_ptr<audit::MemoryFiles> files;  // survives a restart
  std::unique_ptr<audit::Log> log;
  MemoryDocuments documents;
  MemoryProfiles profiles;
  MemoryRestrictions restrictions;
  InlineBackground background;
  std::unique_ptr<peer::testing::FixedIdentity> identity;
  std::unique_ptr<ScriptedModel> model;
  std::unique_ptr<Region> region;
  struct Part {
    std::unique_ptr<SeededRng> rng;
    std::unique_ptr<MemoryLinks> links;
    std::unique_ptr<Worker> worker;
  };
  std::vector<Part> workers;
  bool alive = true;
};

struct Reply {
  bool done = false;
  std::optional<Error> error;  // the connection broke
  int status = 0;
  http::Headers headers;
  std::string body;
  std::string header(std::string_view name) const {
    return std::string(headers.get(name).value_or(""));
  }
};

class TestDeployment {
 public:
  struct Options {
    std::vector<std::string> regions{"eu-south-1", "eu-central-1", "eu-west-1", "eu-west-2"};
    int workers = 2;
    std::uint32_t slots = 2;
    GlobalProfiles global_profiles = GlobalProfiles::off;
    std::vector<std::string> without_global{};  // Regions where they are off all the same
    std::vector<std::string> models{"amazon.nova-2-lite-v1:0",
                                    "anthropic.claude-sonnet-4-5-20250929-v1:0"};
    std::shared_ptr<const catalog::Catalog> catalog = catalog::Catalog::built_in();
    std::string policy =
        R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["bedrock:*","cloudtrail:*"],"Resource":"*"}})";
    audit::Durability durability = audit::Durability::relaxed;
  };
  explicit TestDeployment(Options options);
  TestDeployment() : TestDeployment(Options{}) {}
  ~TestDeployment();

  // Sends a request to one worker of a Region, signed unless `headers` have credentials; the reply
  // fills as virtual time runs.
  std::shared_ptr<Reply> send(const std::string& region, std::string method, std::string target,
                              std::string body, std::string service = "bedrock",
                              aws::Credentials key = demo_key, int worker = 0,
                              http::Headers headers = {});
  std::shared_ptr<Reply> converse(const std::string& region, std::string model, int worker = 0,
                                  std::string text = "Hello", bool stream = false);
  bool run_until_done(const std::vector<std::shared_ptr<Reply>>& replies, Duration limit = 60s);
  void run_for(Duration duration) { loop.run_for(duration); }
  void kill_gateway(const std::string& region);
  // A new link between each two Regions that have one, in place of the old.
  void connect_all();

  // Every record of the demo account at a Region, newest first.
  std::vector<json::object> records(const std::string& region);
  std::vector<json::object> service_events(const std::string& region);

  TestRegion& at(const std::string& region) { return *regions.at(region); }
  VirtualLoop loop;
  std::shared_ptr<peer::testing::Bundles> bundles = std::make_shared<peer::testing::Bundles>();
  std::map<std::string, std::unique_ptr<TestRegion>> regions;
  bool keep_replies_alive = true;
  // Drops the client of a reply: as if its connection closed.
  void hang_up(const std::shared_ptr<Reply>& reply);

 private:
  std::map<Reply*, std::unique_ptr<Cancellation>> hang_ups_;
};

}  // namespace tidegate::gateway
