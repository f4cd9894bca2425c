// Every hop is signed for, at both ends, and what is not raises an alarm: several Regions in one
// thread.
#include <gtest/gtest.h>

#include "audit/verify_batches.hpp"
#include "gateway/limits.hpp"
#include "gateway/test_deployment.hpp"

namespace tidegate::gateway {
namespace {

constexpr const char* nova = "eu.amazon.nova-2-lite-v1:0";
constexpr const char* milan = "eu-south-1";
constexpr const char* frankfurt = "eu-central-1";

// As `tidegate audit verify` does it.
class RingTrust final : public audit::KeyTrust {
 public:
  explicit RingTrust(const peer::SigningIdentity& identity)
      : ring_([&identity](const peer::Endorsement& one) { return identity.check(one); }) {}
  Result<void> learn(std::string_view json) override { return ring_.learn(json); }
  Result<void> vouches_for(const attest::Batch& batch) const override {
    TRY_VOID(ring_.find(batch));
    return {};
  }

 private:
  peer::KeyRing ring_;
};

class AttestationsTest : public ::testing::Test {
 protected:
  // Six at once fill Milan: some of them run elsewhere.
  void spill(bool stream = false) {
    std::vector<std::shared_ptr<Reply>> replies;
    for (int i = 0; i < 6; ++i) {
      replies.push_back(eu.converse(milan, nova, i % 2, "Hello", stream));
    }
    ASSERT_TRUE(eu.run_until_done(replies));
    for (const auto& reply : replies) EXPECT_EQ(reply->status, 200) << reply->body;
  }
  // attestationState of Milan's attempts, counted; "none": nobody has to sign it.
  std::map<std::string, int> states() {
    std::map<std::string, int> out;
    for (const json::object& record : eu.records(milan)) {
      for (const auto& attempt : record.at("tidegate").at("attempts").as_array()) {
        ++out[std::string(
            json::find_string(attempt.as_object(), "attestationState").value_or("none"))];
      }
    }
    return out;
  }
  audit::BatchReport verify() {
    audit::MemoryDisk disk(eu.at(milan).files);
    RingTrust trust(*eu.at(milan).identity);
    return audit::verify_batches(disk, trust).value();
  }
  std::vector<json::object> alarms(const std::string& region, std::string_view name) {
    std::vector<json::object> out;
    for (const json::object& event : eu.service_events(region)) {
      if (json::find_string(event, "eventName") == name) {
        out.push_back(event.at("serviceEventDetails").as_object());
      }
    }
    return out;
  }
  void cut_all() {
    for (auto& [name, region] : eu.regions) {
      for (auto& part : region->workers) {
        for (const auto& peer : part.links->connected()) part.links->cut(peer);
      }
    }
  }
  // POSTs a batch of tokens to Frankfurt's peer door, as Milan; the status.
  int post_tokens(const std::string& lines) {
    auto reply = std::make_shared<Reply>();
    http::ConnectionInfo view{.remote_address = "10.0.0.9",
                              .tls_version = {},
                              .tls_cipher = {},
                              .peer_uri = "spiffe://eu-south-1.test.internal/gw/1",
                              .link_key = HmacKey(std::string(32, 's'))};
    auto channel = std::make_shared<http::MemoryChannel>(
        eu.loop, eu.at(frankfurt).workers[0].worker->peer_handler(), view, view, 1ms);
    spawn([](std::shared_ptr<http::MemoryChannel> c, std::string body,
             std::shared_ptr<Reply> r) -> Task<void> {
      auto sent = co_await c->send(
          {.method = "POST", .target = std::string(peer::tokens_path), .headers = {}, .body = body},
          {.connect = 9s, .first_byte = 9s, .idle = 9s}, nullptr);
      auto head = co_await (*sent)->head();
      r->status = head->status;
      r->done = true;
    }(channel, lines, reply));
    EXPECT_TRUE(eu.run_until_done({reply}));
    return reply->status;
  }

  TestDeployment eu;
};

TEST_F(AttestationsTest, EveryHopIsSignedForAtBothEndsWithinAMoment) {
  spill();
  spill(true);
  eu.run_for(500ms);
  auto found = states();
  EXPECT_GE(found["attested"], 4);
  EXPECT_GE(found["none"], 2) << "what ran at home";
  EXPECT_EQ(found["pending"] + found["missing"], 0);
  const audit::BatchReport report = verify();
  EXPECT_TRUE(report.holds()) << report.findings.front();
  EXPECT_EQ(report.attestations.proven, static_cast<std::uint64_t>(found["attested"]));
  EXPECT_GE(report.tokens.proven, report.attestations.proven);
  EXPECT_EQ(report.tokens.missing + report.tokens.pending, 0u);
  EXPECT_EQ(report.unrecorded, 0u);
  eu.run_for(20s);
  for (const char* region : {milan, frankfurt}) {
    EXPECT_TRUE(alarms(region, "AttestationMissing").empty()) << region;
    EXPECT_TRUE(alarms(region, "AttestationRefused").empty()) << region;
  }
  audit::MemoryDisk disk(eu.at(frankfurt).files);
  RingTrust trust(*eu.at(frankfurt).identity);
  EXPECT_EQ(audit::verify_batches(disk, trust)->batches, 0u) << "the proof is in the source only";
}

TEST_F(AttestationsTest, ASignatureThatDoesNotComeRaisesAnAlarmAndIsNotLost) {
  spill();
  cut_all();  // within the 100 ms
  const auto before = states();
  ASSERT_TRUE(before.contains("pending"));
  eu.run_for(limits::attestation_overdue + 3s);
  const auto missing = alarms(milan, "AttestationMissing");
  ASSERT_FALSE(missing.empty());
  EXPECT_FALSE(missing[0].at("requestIds").as_array().empty());
  EXPECT_EQ(states().at("missing"), before.at("pending"));
  EXPECT_FALSE(verify().holds());

  eu.connect_all();  // what was signed meanwhile is sent again
  eu.run_for(2s);
  EXPECT_EQ(states()["attested"], before.at("pending"));
  EXPECT_TRUE(verify().holds());
}

TEST_F(AttestationsTest, ATokenThatItsSourceDoesNotSignRaisesAnAlarmAtTheDestination) {
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 6; ++i) replies.push_back(eu.converse(milan, nova, i % 2));
  eu.run_for(20ms);  // admitted abroad, and still running
  cut_all();
  eu.run_for(limits::attestation_overdue + 3s);
  auto missing = alarms(frankfurt, "AttestationMissing");
  std::ranges::move(alarms("eu-west-1", "AttestationMissing"), std::back_inserter(missing));
  ASSERT_FALSE(missing.empty());
  EXPECT_EQ(missing[0].at("peer").as_string(), milan);
  EXPECT_EQ(missing[0].at("of").as_string(), "tokens");
  EXPECT_EQ(states()["attested"], 0) << "no answer came, so there is nothing to attest it";
}

TEST_F(AttestationsTest, TokensThatALinkRefusesAtOnceAreTriedAgainWithTheNextReport) {
  constexpr int spinning = 10'000;
  int refused = 0;
  bool taken = true;  // its streams
  for (auto& part : eu.at(milan).workers) {
    part.links->refuse(catalog::RegionId(frankfurt), [&](const http::ClientRequest& request) {
      if (!taken || request.target != peer::tokens_path) return false;
      taken = ++refused < spinning;  // a worker that never ends its turn would hang the test
      return taken;
    });
  }
  Attestations& books = eu.at(milan).region->attestations();
  books.made(attest::Of::tokens, catalog::RegionId(frankfurt), sha256("leaf"));
  eu.run_for(2s);
  EXPECT_GT(refused, 1) << "it is not lost";
  EXPECT_LT(refused, 100) << "two workers, a report every 100 ms";
  EXPECT_EQ(books.outstanding(), 1u);
  taken = false;
  eu.run_for(2s);
  EXPECT_EQ(books.outstanding(), 0u);
}

TEST_F(AttestationsTest, ABatchThatIsNotMilansIsRefusedAndTold) {
  const std::int64_t now_ms =
      std::chrono::floor<std::chrono::milliseconds>(eu.loop.clock().wall().time_since_epoch())
          .count();
  const auto batch = [&](const std::string& region, const std::string& peer,
                         const attest::SigningKey& key, attest::Of of = attest::Of::tokens) {
    return attest::sign_batch(of, region, peer, now_ms, {sha256("leaf")}, key).to_json() + '\n';
  };
  const auto& identity = *eu.at(milan).identity;
  const std::string endorsed = identity.endorsement()->to_json() + '\n';
  EXPECT_EQ(post_tokens(endorsed + batch(milan, frankfurt, identity.key())), 200);
  SeededRng rng(5);
  std::string changed = batch(milan, frankfurt, identity.key());
  changed.replace(changed.rfind("\"t\":"), 5, "\"t\":2");
  std::string spelled = batch(milan, frankfurt, identity.key());  // could be logged once more
  spelled.insert(1, " ");
  for (const std::string& bad :
       {batch(milan, frankfurt, attest::SigningKey(rng)),
        batch("eu-west-1", frankfurt, identity.key()), batch(milan, "eu-west-1", identity.key()),
        changed, spelled, std::string("{\"count\":1}\n"),
        batch(milan, frankfurt, identity.key(), attest::Of::attestations),
        eu.at("eu-west-1").identity->endorsement()->to_json() + "\n" +
            batch(milan, frankfurt, eu.at("eu-west-1").identity->key())}) {
    EXPECT_GE(post_tokens(bad), 400) << bad;
  }
  EXPECT_EQ(alarms(frankfurt, "AttestationRefused").size(), 8u);
  EXPECT_EQ(post_tokens(endorsed + endorsed + batch(milan, frankfurt, identity.key())), 400);
}

TEST_F(AttestationsTest, WhatIsTooLongIsRefusedBeforeAnybodyReadsIt) {
  const auto& identity = *eu.at(milan).identity;
  const std::string endorsed = identity.endorsement()->to_json();
  const std::string batch =
      attest::sign_batch(attest::Of::tokens, milan, frankfurt, 1,
                         std::vector<Sha256>(limits::batch_leaves_max, sha256("leaf")),
                         identity.key())
          .to_json();
  EXPECT_LE(batch.size(), limits::report_bytes_max) << "the largest batch fits";
  const auto padded = [](const std::string& line, std::size_t size) {
    return line + std::string(size - line.size(), ' ') + '\n';
  };
  const std::size_t bytes = limits::report_bytes_max + 1;
  const auto why = [&] {
    return std::string(alarms(frankfurt, "AttestationRefused")[0].at("why").as_string());
  };
  EXPECT_EQ(post_tokens(padded(batch, bytes)), 403);
  EXPECT_EQ(why(), "a line of 65537 bytes, and 65536 is the most");
  EXPECT_EQ(post_tokens(padded(endorsed, bytes)), 403);
  EXPECT_EQ(why(), "a line of 65537 bytes, and 65536 is the most");
  EXPECT_EQ(post_tokens(padded(batch, limits::token_batch_bytes_max)), 413);
  EXPECT_EQ(why(), "The request body has more than 131074 bytes.");
  EXPECT_EQ(alarms(frankfurt, "AttestationRefused").size(), 3u);
}

}  // namespace
}  // namespace tidegate::gateway
