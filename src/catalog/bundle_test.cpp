// Bundles: one way to write them, an address that follows from the content, and signatures.
#include "catalog/bundle.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "catalog/changes.hpp"
#include "catalog/draft.hpp"
#include "catalog/test_documents.hpp"

namespace tidegate::catalog {
namespace {

Bundle first() {
  return draft_next(swiss(both_rows), nullptr).value();
}
Bundle next(const Bundle& before, std::string_view own) {
  return draft_next(own, &before).value();
}

TEST(Bundle, IsReadAsItIsWritten) {
  Bundle bundle = first();
  const Ed25519Pem ada = make_ed25519_key().value(), bob = make_ed25519_key().value();
  ASSERT_TRUE(bundle.sign(ada.private_key));
  ASSERT_TRUE(bundle.sign(bob.private_key));
  ASSERT_TRUE(bundle.sign(bob.private_key));  // a second time is the same signature
  const Bundle again = Bundle::parse(bundle.text()).value();
  EXPECT_EQ(again.sha256(), bundle.sha256());
  EXPECT_EQ(again.epoch(), 1u);
  EXPECT_TRUE(again.previous().empty());
  EXPECT_EQ(again.signatures().size(), 2u);
  EXPECT_EQ(again.text(), bundle.text());
  EXPECT_EQ(again.catalog()->profiles().size(), 133u);
  const Signer known[] = {
      {"ada", Ed25519PublicKey::from_pem(ada.public_key).value()},
      {"carol", Ed25519PublicKey::from_pem(make_ed25519_key()->public_key).value()},
      {"bob", Ed25519PublicKey::from_pem(bob.public_key).value()}};
  EXPECT_EQ(again.verify(known).value(), (std::vector<std::string>{"ada", "bob"}));
  EXPECT_TRUE(again.verify({}).value().empty());
}

// The address and the signature were made by another program (Python's json and hashlib, the
// openssl command), with the key of RFC 8032, section 7.1, test 1.
TEST(Bundle, HasTheAddressAndTheSignatureThatOthersCompute) {
  Bundle bundle =
      Bundle::draft(R"({"format":1,"provenance":{},"regions":[{"id":"ch-1","city":"Geneva",)"
                    R"("country":"CH","partition":"acme"}],"geographies":[{"id":"ch","version":1,)"
                    R"("regions":["ch-1"]}],"models":[],"profiles":[]})",
                    1, "")
          .value();
  EXPECT_EQ(bundle.sha256(), "3f83dab980166c74cc55ee6e58ebb869bb11fb31a63688a4af597a04016f0e11");
  const std::string pem =
      "-----BEGIN PRIVATE "
      "KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n";
  ASSERT_TRUE(bundle.sign(pem));
  ASSERT_EQ(bundle.signatures().size(), 1u);
  EXPECT_EQ(bundle.signatures()[0].key, "21fe31dfa154a261");
  EXPECT_EQ(to_base64(bundle.signatures()[0].signature),
            "4b9sfsrzwIFDJwp4caSdpIAw1agSDtF68/2XajyhYN6h"
            "ppgBkCZwI4l1Dg7xfYSMKVYXECnXmCO0NOKYLVxFBQ==");
}

TEST(Bundle, TakesNothingElse) {
  Bundle bundle = first();
  ASSERT_TRUE(bundle.sign(make_ed25519_key()->private_key));
  const std::string text = bundle.text();
  const std::pair<std::string_view, std::string_view> edits[] = {
      {R"("epoch":1)", R"("epoch":0)"},
      {R"("epoch":1)", R"("epoch":2)"},  // and no bundle before it
      {R"("epoch":1)", R"("epoch":1.0)"},
      {R"("epoch":1)", R"("epoch":"1")"},
      {R"("epoch":1,)", R"("epoch":1,"epoch":1,)"},
      {R"("epoch":1,)", R"("epoch":1, )"},
      {R"("format":1,"previous")", R"("format":2,"previous")"},
      {R"("previous":null)", R"("previous":"")"},
      {R"("previous":null)", R"("previous":null,"zone":1)"},
      {R"("signatures":[)", R"("signatures":[{},)"},
      {R"("signatures":[)", R"("signature":[)"},
      {R"("signature":")", R"("signature":"AAAA)"},
      {R"("city":"Geneva")", R"("city":"Gen\u0065va")"},  // another way to write the same
      {R"("city":"Geneva",)", R"("city":"Geneva","zone":1,)"},
  };
  for (const auto& [from, to] : edits) EXPECT_FALSE(Bundle::parse(edited(text, from, to))) << to;
  EXPECT_FALSE(Bundle::parse(" " + text));
  EXPECT_FALSE(Bundle::parse(text + "\n"));
  EXPECT_FALSE(Bundle::parse(""));
  EXPECT_TRUE(Bundle::parse(text));
}

TEST(Bundle, AChangedContentHasNoSignatureThatHolds) {
  Bundle bundle = first();
  const Ed25519Pem ada = make_ed25519_key().value();
  ASSERT_TRUE(bundle.sign(ada.private_key));
  const Bundle other = Bundle::parse(edited(bundle.text(), "Geneva", "Basel")).value();
  EXPECT_NE(other.sha256(), bundle.sha256());
  const Signer known[] = {{"ada", Ed25519PublicKey::from_pem(ada.public_key).value()}};
  const auto names = other.verify(known);
  ASSERT_FALSE(names);
  EXPECT_NE(names.error().message.find("the signature of ada"), std::string::npos);
}

TEST(Draft, KeepsOlderVersionsAndWritesSince) {
  const Bundle one = first();
  const Bundle two = next(one, swiss(narrow_rows, 2));
  EXPECT_EQ(two.epoch(), 2u);
  EXPECT_EQ(two.previous(), one.sha256());
  const Catalog& catalog = *two.catalog();
  ASSERT_TRUE(catalog.profile(swiss_profile));
  EXPECT_EQ(catalog.profile(swiss_profile)->version, 2u);
  EXPECT_EQ(catalog.profile(swiss_profile)->since, 2u);
  ASSERT_TRUE(catalog.profile(swiss_profile, 1));
  EXPECT_EQ(catalog.profile(swiss_profile, 1)->since, 1u);
  EXPECT_EQ(catalog.profile(swiss_profile, 3), nullptr);
  EXPECT_EQ(catalog.profile("eu.amazon.nova-2-lite-v1:0")->since, 0u);

  // A row more under the same version is of this epoch, the others keep theirs.
  const Bundle three = next(two, swiss(R"({"ch-1":["ch-1"]})", 3));
  const Bundle four = next(three, swiss(narrow_rows, 3));
  const Profile& grown = *four.catalog()->profile(swiss_profile);
  EXPECT_EQ(grown.row(RegionId("ch-1"))->since(), 3u);
  EXPECT_EQ(grown.row(RegionId("ch-2"))->since(), 4u);
  EXPECT_TRUE(check_since(*three.catalog(), *four.catalog(), 4));
  EXPECT_FALSE(check_since(*two.catalog(), *four.catalog(), 4));
}

TEST(Draft, WhatIsRevokedIsNotDescribedAnyMore) {
  const Bundle two = next(first(), swiss(narrow_rows, 2));
  const Bundle three = next(two, R"({"revoked":[{"profile":"ch.acme.chat-v1:0","version":1}]})");
  EXPECT_EQ(three.catalog()->profile(swiss_profile, 1), nullptr);
  EXPECT_EQ(three.catalog()->profile(swiss_profile)->version, 2u);
  const Bundle four = next(three, R"({"revoked":[{"profile":"ch.acme.chat-v1:0","version":2}]})");
  EXPECT_EQ(four.catalog()->profile(swiss_profile), nullptr);
  // And it cannot be described anew under a version that is gone.
  EXPECT_EQ(next(four, swiss(both_rows, 2)).catalog()->profile(swiss_profile), nullptr);
  EXPECT_NE(next(four, swiss(both_rows, 3)).catalog()->profile(swiss_profile), nullptr);
}

TEST(Draft, RefusesWhatItDoesNotKnow) {
  EXPECT_FALSE(draft_next(R"({"profile":[]})", nullptr));
  EXPECT_FALSE(draft_next("[]", nullptr));
  EXPECT_FALSE(
      draft_next(edited(swiss(both_rows), R"("country":"CH")", R"("country":"Swiss")"), nullptr));
  EXPECT_FALSE(
      draft_next(edited(swiss(both_rows), R"("country":"CH")", R"("country":"LI")"), nullptr));
}

const Change* find(const std::vector<Change>& changes, std::string_view name) {
  const auto found = std::ranges::find(changes, name, &Change::name);
  return found == changes.end() ? nullptr : &*found;
}

TEST(Changes, NameWhatWidens) {
  const Bundle one = first();
  const auto to_first = changes(*Catalog::built_in(), *one.catalog());
  ASSERT_EQ(to_first.size(), 5u);  // two Regions, a geography, a model, a profile
  EXPECT_TRUE(find(to_first, "ch")->widens);
  EXPECT_EQ(find(to_first, "ch")->accepted_as(), "ch@1");
  EXPECT_TRUE(find(to_first, swiss_profile)->widens);
  EXPECT_FALSE(find(to_first, "acme.chat-v1:0")->fence);
  EXPECT_FALSE(find(to_first, "ch-1")->widens);

  const Bundle two = next(one, swiss(narrow_rows, 2));
  const auto to_second = changes(*one.catalog(), *two.catalog());
  ASSERT_EQ(to_second.size(), 1u);
  EXPECT_TRUE(to_second[0].fence);
  EXPECT_FALSE(to_second[0].widens);
  EXPECT_EQ(to_second[0].says, "version 2 follows version 1; from ch-1: drops ch-2");
  EXPECT_TRUE(changes(*two.catalog(), *one.catalog())[0].widens);
  EXPECT_TRUE(changes(*one.catalog(), *one.catalog()).empty());
}

TEST(Changes, AreOfTheFenceOrNot) {
  const Bundle one = first();
  const auto after = [&](std::string_view from, std::string_view to) {
    const Bundle two = next(one, edited(swiss(both_rows), from, to));
    const auto found = changes(*one.catalog(), *two.catalog());
    EXPECT_EQ(found.size(), 1u) << to;
    return found.at(0);
  };
  EXPECT_FALSE(after("CH Chat", "Swiss Chat").fence);
  EXPECT_FALSE(after("Lugano", "Locarno").fence);
  EXPECT_FALSE(after(R"("name":"Chat")", R"("name":"Talk")").fence);
  const std::string_view lugano = R"("city":"Lugano",)";
  EXPECT_TRUE(after(lugano, R"("city":"Lugano","membership":"none",)").fence);
  EXPECT_TRUE(after(lugano, R"("city":"Lugano","adequacy":{"until":"2031-12-27"},)").fence);
  EXPECT_TRUE(after(lugano, R"("city":"Lugano","operated_by":"ACME SA",)").fence);
  EXPECT_TRUE(after(lugano, R"("city":"Lugano","jurisdiction":"US",)").fence);
  EXPECT_TRUE(after(R"("version":1,"countries":["CH"])", R"("version":2)").fence);
}

TEST(Regions, StateWhereTheyAreStrictly) {
  const std::string_view lugano = R"("city":"Lugano",)";
  const auto taken = [&](std::string_view more) {
    return draft_next(edited(swiss(both_rows), lugano, std::string(lugano) + std::string(more)),
                      nullptr)
        .has_value();
  };
  EXPECT_TRUE(taken(R"("since":"2026-02-28","until":"2027-01-01",)"));
  EXPECT_FALSE(taken(R"("since":"2026-02-30",)"));
  EXPECT_FALSE(taken(R"("since":"2026-2-3",)"));
  EXPECT_FALSE(taken(R"("since":"2027-01-01","until":"2026-01-01",)"));
  EXPECT_FALSE(taken(R"("membership":"efta",)"));
  EXPECT_FALSE(taken(R"("adequacy":{"for":"ever"},)"));
  EXPECT_FALSE(taken(R"("jurisdiction":"Swiss",)"));
  EXPECT_FALSE(taken(R"("until":null,)"));
  // A geography that asks for a membership has only Regions that state it.
  EXPECT_FALSE(draft_next(
      edited(swiss(both_rows), R"("countries":["CH"])", R"("membership":"eea")"), nullptr));
}

TEST(Profiles, OfOneRegionStayThere) {
  const auto in_region = [](std::string_view rows) {
    return draft_next(edited(swiss(rows), R"("scope":"geographic")", R"("scope":"in_region")"),
                      nullptr)
        .has_value();
  };
  EXPECT_TRUE(in_region(narrow_rows));
  EXPECT_FALSE(in_region(both_rows));
}

}  // namespace
}  // namespace tidegate::catalog
