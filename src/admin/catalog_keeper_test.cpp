// Each way in which a bundle may be wrong leaves the last good one in force and is recorded; what
// is good is remembered.
#include "admin/catalog_keeper.hpp"

#include <gtest/gtest.h>

#include "audit/memory_disk.hpp"
#include "catalog/draft.hpp"
#include "catalog/test_documents.hpp"

namespace tidegate::admin {
namespace {

using catalog::Bundle;
using catalog::swiss;

class MemoryBundles final : public gateway::BundleStore {
 public:
  Result<std::optional<gateway::StoredBundle>> last_good() override { return stored; }
  Result<void> remember(const gateway::StoredBundle& bundle) override {
    if (fails) return fail(ErrorCode::store_unavailable, "the disk is full");
    stored = bundle;
    return {};
  }
  std::optional<gateway::StoredBundle> stored;
  bool fails = false;
};

class Keeper : public ::testing::Test {
 protected:
  Keeper() {
    log = audit::Log::open(std::make_unique<audit::MemoryDisk>(files), clock, {.region = "ch-1"})
              .value();
    keeper = started();
    EXPECT_EQ(keeper->open("").value().epoch, 0u);
  }

  std::unique_ptr<CatalogKeeper> started() {
    const auto signer = [](const char* name, const Ed25519Pem& pem) {
      return catalog::Signer{name, Ed25519PublicKey::from_pem(pem.public_key).value()};
    };
    return std::make_unique<CatalogKeeper>("ch-1",
                                           std::vector{signer("ada", ada), signer("bob", bob)},
                                           CatalogKeeper::Ports{bundles, *log, clock, rng, fits});
  }
  Bundle draft(std::string_view own, const Bundle* before = nullptr) {
    return catalog::draft_next(own, before).value();
  }
  std::string by(Bundle bundle, std::initializer_list<const Ed25519Pem*> keys) {
    for (const Ed25519Pem* key : keys) EXPECT_TRUE(bundle.sign(key->private_key));
    return bundle.text();
  }
  std::string by_both(const Bundle& bundle) { return by(bundle, {&ada, &bob}); }

  Result<CatalogKeeper::Applied> apply(std::string text, std::vector<std::string> accepted = {},
                                       bool first = false) {
    return keeper->apply({.text = std::move(text), .accepted = std::move(accepted), .first = first},
                         [this](gateway::CatalogInForce catalog) {
                           if (publish_fails)
                             return Result<void>(fail(ErrorCode::store_unavailable, "busy"));
                           published.push_back(catalog.epoch);
                           return Result<void>();
                         });
  }
  // The rule that refused it; "" where nothing did.
  std::string rule(std::string text, std::vector<std::string> accepted = {}, bool first = false) {
    const auto before = bundles.stored ? bundles.stored->sha256 : "";
    const auto applied = apply(std::move(text), std::move(accepted), first);
    if (applied) return "";
    EXPECT_EQ(bundles.stored ? bundles.stored->sha256 : "", before);
    EXPECT_NE(newest_event().find("CatalogRefused"), std::string::npos) << newest_event();
    EXPECT_FALSE(applied.error().mend.empty()) << applied.error().message;
    return applied.error().why;
  }
  std::string newest_event() {
    return json::serialize(log->service_events(std::nullopt, 1).value().at(0));
  }

  const std::vector<std::string> all{"ch@1", "ch.acme.chat-v1:0@1"};
  Ed25519Pem ada = make_ed25519_key().value(), bob = make_ed25519_key().value(),
             eve = make_ed25519_key().value();
  SystemClock clock;
  SeededRng rng{7};
  MemoryBundles bundles;
  std::function<Result<void>(const gateway::CatalogInForce&)> fits =
      [](const gateway::CatalogInForce&) { return Result<void>(); };
  std::shared_ptr<audit::MemoryFiles> files = std::make_shared<audit::MemoryFiles>();
  std::unique_ptr<audit::Log> log;
  std::unique_ptr<CatalogKeeper> keeper;
  std::vector<std::uint64_t> published;
  bool publish_fails = false;
  const Bundle one = draft(swiss(catalog::both_rows));
};

TEST_F(Keeper, TakesWhatFollows) {
  ASSERT_EQ(rule(by_both(one), all), "");
  EXPECT_NE(newest_event().find("CatalogApplied"), std::string::npos);
  EXPECT_NE(newest_event().find("\"ada\",\"bob\""), std::string::npos) << newest_event();
  const Bundle two = draft(swiss(catalog::narrow_rows, 2), &one);
  ASSERT_EQ(rule(by_both(two)), "");
  ASSERT_EQ(rule(by_both(two)), "");  // once more is nothing new
  EXPECT_EQ(published, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(bundles.stored->epoch, 2u);
}

TEST_F(Keeper, KeepsNothingThatTheGatewaysDocumentsDoNotFit) {
  fits = [](const gateway::CatalogInForce&) {
    return Result<void>(fail(ErrorCode::configuration, "a row is narrower than its part"));
  };
  keeper = started();
  ASSERT_TRUE(keeper->open(""));
  EXPECT_EQ(rule(by_both(one), all), "documents");
  EXPECT_FALSE(bundles.stored) << "else it would not start again";
}

TEST_F(Keeper, AppliesAgainWhatCouldNotBePutInForce) {
  publish_fails = true;
  ASSERT_FALSE(apply(by_both(one), all));
  publish_fails = false;
  ASSERT_TRUE(apply(by_both(one), all));
  EXPECT_EQ(published, (std::vector<std::uint64_t>{1}));
}

TEST_F(Keeper, RefusesByRule) {
  EXPECT_EQ(rule("{}"), "malformed");
  EXPECT_EQ(rule(by(one, {}), all), "signatures");
  EXPECT_EQ(rule(by(one, {&ada}), all), "signatures");
  EXPECT_EQ(rule(by(one, {&ada, &eve}), all), "signatures");  // a stranger is nobody
  EXPECT_EQ(rule(by_both(one)), "widens");
  EXPECT_EQ(rule(by_both(one), {"ch@1"}), "widens");
  const Bundle two = draft(swiss(catalog::narrow_rows, 2), &one);
  EXPECT_EQ(rule(by_both(two), all), "gap");
  ASSERT_EQ(rule(by_both(one), all), "");
  const Bundle three = draft(swiss(catalog::both_rows, 3), &two);
  EXPECT_EQ(rule(by_both(three), {"ch.acme.chat-v1:0@3"}), "gap");
  const Bundle other = draft(swiss(catalog::narrow_rows));
  EXPECT_EQ(rule(by_both(other)), "downgrade");
  EXPECT_EQ(rule(by_both(draft(swiss(catalog::both_rows), &other))), "fork");
  EXPECT_EQ(rule(by_both(draft(swiss(catalog::narrow_rows), &one))), "changed");
  ASSERT_EQ(rule(by_both(two)), "");
  EXPECT_EQ(rule(by_both(one), all), "downgrade");
  EXPECT_EQ(published, (std::vector<std::uint64_t>{1, 2}));
}

// What is in the configuration's file at a later start: never taken, and refused where it could not
// have been in force.
TEST_F(Keeper, LooksAtTheFileThatItDoesNotTake) {
  ASSERT_EQ(rule(by_both(one), all), "");
  const Bundle two = draft(swiss(catalog::narrow_rows, 2), &one);
  ASSERT_EQ(rule(by_both(two)), "");
  const auto restarted_on = [&](const std::string& file) {
    keeper = started();
    const auto in_force = keeper->open(file);
    EXPECT_EQ(in_force.value().epoch, 2u) << "the last good one stays in force";
    const auto& rules = keeper->refused_at_start();
    if (rules.empty()) return std::string();
    EXPECT_TRUE(newest_event().contains("CatalogRefused")) << newest_event();
    return rules.front();
  };
  const Bundle other = draft(swiss(catalog::both_rows, 2), &one);
  const Bundle three = draft(swiss(catalog::both_rows, 3), &two);
  const Bundle four = draft(swiss(catalog::narrow_rows, 4), &three);
  EXPECT_EQ(restarted_on(""), "");
  EXPECT_EQ(restarted_on(by_both(two)), "");
  EXPECT_EQ(restarted_on(by_both(one)), "") << "what the first start began with";
  EXPECT_EQ(restarted_on(by_both(three)), "") << "it waits for tidegate catalog apply";
  EXPECT_EQ(restarted_on(by_both(four)), "");
  EXPECT_EQ(restarted_on("{}"), "malformed");
  EXPECT_EQ(restarted_on(by(one, {})), "signatures");
  EXPECT_EQ(restarted_on(by(three, {&eve})), "signatures");
  EXPECT_EQ(restarted_on(by_both(other)), "fork");
}

TEST_F(Keeper, SaysNothingOfTheFirstFileWhenItsSignersWereReplaced) {
  const std::string first = by_both(one);
  ASSERT_EQ(rule(first, all), "");
  const Ed25519Pem zoe = make_ed25519_key().value();
  const Bundle two = draft(swiss(catalog::narrow_rows, 2), &one);
  ASSERT_EQ(rule(by(two, {&ada, &bob, &eve, &zoe})), "");
  const std::string later = by_both(draft(swiss(catalog::narrow_rows, 3), &two));
  ada = eve;
  bob = zoe;
  const auto restarted_on = [&](const std::string& file) {
    keeper = started();
    EXPECT_EQ(keeper->open(file).value().epoch, 2u);
    return keeper->refused_at_start();
  };
  const std::vector<std::string> nothing, signatures{"signatures"};
  EXPECT_EQ(restarted_on(first), nothing);
  EXPECT_EQ(restarted_on(by(one, {})), signatures) << "nobody ever signed it";
  EXPECT_EQ(restarted_on(later), signatures) << "it could still come into force";
  const std::string of_eve = by(one, {&eve}), mark = R"("signature":")";
  std::string broken = of_eve;
  char& changed = broken[broken.find(mark) + mark.size()];
  changed = changed == 'A' ? 'B' : 'A';
  EXPECT_EQ(restarted_on(of_eve), nothing);
  EXPECT_EQ(restarted_on(broken), signatures);
}

TEST_F(Keeper, OneSignerIsEnoughWhereTheFenceIsNotTouched) {
  ASSERT_EQ(rule(by_both(one), all), "");
  const Bundle renamed =
      draft(catalog::edited(swiss(catalog::both_rows), "CH Chat", "Swiss Chat"), &one);
  EXPECT_EQ(rule(by(renamed, {})), "signatures");
  EXPECT_EQ(rule(by(renamed, {&bob})), "");
}

TEST_F(Keeper, RefusesWhatTheProofRefutes) {
  ASSERT_EQ(rule(by_both(one), all), "");
  const std::string outside = R"({"regions":[{"id":"fr-1","city":"Lyon","country":"FR",)"
                              R"("partition":"acme"}],"profiles":[{"id":"ch.acme.chat-v1:0",)"
                              R"("name":"CH Chat","scope":"geographic","geography":"ch",)"
                              R"("model":"acme.chat-v1:0","version":2,"rows":{"ch-1":["fr-1"]}}]})";
  EXPECT_EQ(rule(by_both(draft(outside, &one)), {"ch.acme.chat-v1:0@2"}), "proof");
  EXPECT_NE(newest_event().find("counterexamples"), std::string::npos) << newest_event();
}

TEST_F(Keeper, RefusesAFalseSince) {
  ASSERT_EQ(rule(by_both(one), all), "");
  const Bundle two = draft(swiss(catalog::narrow_rows, 2), &one);
  const std::string text = catalog::edited(two.text(), R"("since":2)", R"("since":1)");
  EXPECT_EQ(rule(by_both(Bundle::parse(text).value())), "since");
}

TEST_F(Keeper, BeginsWithALaterEpochOnlyWhereThereIsNone) {
  const Bundle two = draft(swiss(catalog::narrow_rows, 2), &one);
  EXPECT_EQ(rule(by(two, {&ada}), {"ch@1"}, true), "signatures");
  EXPECT_EQ(rule(by_both(two), {"ch@1"}, true), "");
  const Bundle four = draft("{}", &two);
  EXPECT_EQ(rule(by_both(draft("{}", &four)), {}, true), "gap");
}

TEST_F(Keeper, RemembersAcrossARestart) {
  ASSERT_EQ(rule(by_both(one), all), "");
  const Bundle two = draft(swiss(catalog::narrow_rows, 2), &one);
  ASSERT_EQ(rule(by_both(two)), "");
  keeper = started();
  EXPECT_EQ(keeper->open(by_both(one)).value().epoch,
            2u);  // what is configured is for the first time
  EXPECT_EQ(rule(by_both(one), all), "downgrade");
}

TEST_F(Keeper, TheConfiguredBundleIsTheFirst) {
  keeper = started();
  const auto in_force = keeper->open(by_both(one));
  ASSERT_TRUE(in_force) << in_force.error().message;
  EXPECT_EQ(in_force->epoch, 1u);
  keeper = started();
  bundles.stored.reset();
  EXPECT_FALSE(keeper->open(by(one, {&ada})));
  EXPECT_FALSE(keeper->open("{}"));
}

TEST_F(Keeper, AStoreThatWasChangedStopsTheGateway) {
  ASSERT_EQ(rule(by_both(one), all), "");
  const gateway::StoredBundle good = *bundles.stored;
  bundles.stored->text = catalog::edited(good.text, "Geneva", "Basel");
  EXPECT_FALSE(started()->open(""));
  bundles.stored = good;
  bundles.stored->epoch = 7;
  EXPECT_FALSE(started()->open(""));
  bundles.stored = good;
  ada = eve;
  bob = make_ed25519_key().value();  // nobody of those who signed it is trusted any more
  EXPECT_FALSE(started()->open(""));
}

TEST_F(Keeper, WhatCannotBeKeptDoesNotComeIntoForce) {
  bundles.fails = true;
  EXPECT_FALSE(apply(by_both(one), all));
  bundles.fails = false;
  files->fail_appends(1);
  EXPECT_FALSE(apply(by_both(one), all));
  EXPECT_TRUE(published.empty());
}

}  // namespace
}  // namespace tidegate::admin
