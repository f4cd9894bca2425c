#include "peer/endorsement.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "peer/signing_fixture.hpp"

namespace tidegate::peer {
namespace {

constexpr std::string_view domain = "test.internal";
const WallTime now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};

class EndorsementTest : public ::testing::Test {
 protected:
  Endorsement make(const testing::Pair& pair, const std::string& region = "eu-central-1",
                   WallTime at = now) const {
    return endorse(region, key.public_key(), pair.certificate_pem(), pair.key_pem(), at).value();
  }
  // Why it does not hold; empty: it does.
  std::string refusal(const Endorsement& one) const {
    const auto checked = bundle.check(one, domain);
    return checked ? "" : checked.error().why;
  }

  SeededRng rng{7};
  attest::SigningKey key{rng};
  testing::Certificates frankfurt{"eu-central-1", "test.internal", now - std::chrono::hours(1)};
  TrustBundle bundle = TrustBundle::from_pem(frankfurt.authority.certificate_pem()).value();
};

TEST_F(EndorsementTest, HoldsUnderTheRegionsBundleAndSurvivesItsText) {
  const Endorsement made = make(frankfurt.gateway);
  EXPECT_EQ(refusal(made), "");
  const auto read = Endorsement::from_json(made.to_json());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_json(), made.to_json());
  EXPECT_EQ(refusal(*read), "");
}

TEST_F(EndorsementTest, EveryChangeIsNoticed) {
  const Endorsement good = make(frankfurt.gateway);
  const auto changed = [&](auto change) {
    Endorsement one = good;
    change(one);
    return refusal(one);
  };
  EXPECT_NE(changed([](Endorsement& e) { e.key[0] ^= 1; }), "");
  EXPECT_NE(changed([](Endorsement& e) { e.region = "eu-west-1"; }), "");
  EXPECT_NE(changed([](Endorsement& e) { ++e.made_ms; }), "");
  EXPECT_NE(changed([](Endorsement& e) { ++e.not_after_ms; }), "");
  EXPECT_NE(changed([](Endorsement& e) { e.signature.back() ^= 1; }), "");
  EXPECT_NE(changed([](Endorsement& e) { e.certificates.clear(); }), "");
  EXPECT_NE(changed([](Endorsement& e) { e.certificates[0].pop_back(); }), "");
}

TEST_F(EndorsementTest, AnotherAuthorityOrAnotherRegionsCertificateIsNotBelieved) {
  const testing::Certificates impostor("eu-central-1", "test.internal",
                                       now - std::chrono::hours(1));
  EXPECT_NE(refusal(make(impostor.gateway)), "") << "the right name under the wrong authority";
  const auto stranger =
      testing::make_certificate("spiffe://eu-west-1.test.internal/gw/1", &frankfurt.authority, now);
  EXPECT_NE(refusal(make(stranger)), "") << "a certificate of another Region";
  EXPECT_NE(refusal(make(frankfurt.authority)), "") << "an authority is no gateway";
  EXPECT_NE(refusal(make(frankfurt.gateway, "eu-central-1", now + std::chrono::days(91))), "")
      << "the certificate had expired";
}

TEST_F(EndorsementTest, AKeyOfAnotherCertificateCannotEndorse) {
  const testing::Certificates other("eu-central-1", "test.internal", now);
  const auto made = endorse("eu-central-1", key.public_key(), frankfurt.gateway.certificate_pem(),
                            other.gateway.key_pem(), now);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::configuration);
}

TEST_F(EndorsementTest, TheRingFindsTheKeyOfABatchWithinItsTimeOnly) {
  KeyRing ring([&](const Endorsement& one) { return bundle.check(one, domain); });
  const Endorsement made = make(frankfurt.gateway);
  ASSERT_TRUE(ring.learn(made.to_json()));
  const auto batch = [&](const std::string& region, std::int64_t at_ms) {
    return attest::sign_batch(attest::Of::attestations, region, "eu-south-1", at_ms,
                              {sha256("leaf")}, key);
  };
  EXPECT_TRUE(ring.find(batch("eu-central-1", made.made_ms + 100)));
  EXPECT_FALSE(ring.find(batch("eu-west-1", made.made_ms + 100)));
  EXPECT_FALSE(ring.find(batch("eu-central-1", made.made_ms - 3'600'000)));
  EXPECT_FALSE(ring.find(batch("eu-central-1", made.not_after_ms + 1)));
  EXPECT_FALSE(ring.learn("{}"));
  EXPECT_TRUE(ring.learn(made.to_json(), "eu-central-1"));
  EXPECT_FALSE(ring.learn(made.to_json(), "eu-west-1")) << "a Region's link speaks of its own keys";
}

TEST_F(EndorsementTest, ManyKeysOfOneRegionDoNotPushOutAnothers) {
  const testing::Certificates milan("eu-south-1", "test.internal", now - std::chrono::hours(1));
  KeyRing ring([](const Endorsement&) -> Result<void> { return {}; });
  const Endorsement kept = make(frankfurt.gateway);
  ASSERT_TRUE(ring.learn(kept.to_json()));
  Endorsement other = make(milan.gateway, "eu-south-1");
  for (std::size_t i = 0; i <= limits::endorsements_max; ++i) {
    ++other.made_ms;
    ASSERT_TRUE(ring.learn(other.to_json()));
  }
  EXPECT_TRUE(ring.find(attest::sign_batch(attest::Of::attestations, "eu-central-1", "eu-south-1",
                                           kept.made_ms, {sha256("leaf")}, key)));
}

TEST_F(EndorsementTest, TheRingForgetsWhatANewBundleDoesNotHoldAnyMore) {
  KeyRing ring([&](const Endorsement& one) { return bundle.check(one, domain); });
  const Endorsement made = make(frankfurt.gateway);
  ASSERT_TRUE(ring.learn(made.to_json()));
  const auto batch = attest::sign_batch(attest::Of::attestations, "eu-central-1", "eu-south-1",
                                        made.made_ms, {sha256("leaf")}, key);
  ring.recheck();
  EXPECT_TRUE(ring.find(batch));
  const testing::Certificates next("eu-central-1", "test.internal", now);
  bundle = TrustBundle::from_pem(next.authority.certificate_pem()).value();
  ring.recheck();
  EXPECT_FALSE(ring.find(batch));
}

}  // namespace
}  // namespace tidegate::peer
