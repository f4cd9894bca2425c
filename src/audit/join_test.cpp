// A record's attestation, its batch that follows, and what readers, a restart and an auditor make
// of the two.
#include "audit/join.hpp"

#include "attest/attestation.hpp"
#include "attest/merkle.hpp"
#include "audit/entry.hpp"
#include "audit/testing.hpp"
#include "audit/verify_batches.hpp"

namespace tidegate::audit {
namespace {

// Believes one key, whatever an endorsement says.
class OneKey final : public KeyTrust {
 public:
  explicit OneKey(const attest::PublicKey& key) : key_(key) {}
  Result<void> learn(std::string_view) override { return {}; }
  Result<void> vouches_for(const attest::Batch& batch) const override {
    if (batch.key == key_) return {};
    return fail(Error{.message = "unknown", .mend = {}, .why = "another key"});
  }

 private:
  attest::PublicKey key_;
};

class JoinTest : public testing::LogTest {
 protected:
  void SetUp() override { open(); }

  // A hop of request `number`: its record, with a token and an attestation.
  void write_hop(int number) { write_hop(number, now_ms()); }
  void write_hop(int number, std::int64_t destinations_ms, std::int64_t duration_ms = 230) {
    Record r = record(number);
    r.duration_ms = duration_ms;
    AttemptRecord attempt = r.attempts.front();
    attempt.token = sha256("token " + std::to_string(number));
    attempt.attestation = {
        .answer = sha256("answer"), .outcome = "success", .at_ms = destinations_ms};
    leaves.push_back(attest::Attestation{.request_id = r.request_id,
                                         .source = r.source_region,
                                         .destination = attempt.region,
                                         .row_hash = *sha256_from_hex(r.row_hash),
                                         .body = *r.body_hash,
                                         .answer = attempt.attestation->answer,
                                         .token = *attempt.token,
                                         .outcome = "success",
                                         .at_ms = attempt.attestation->at_ms}
                         .leaf());
    tokens.push_back(*attempt.token);
    r.attempts = std::span(&attempt, 1);
    ASSERT_TRUE(testing::write_both(*log, r));
  }
  attest::Batch batch_of(attest::Of of, std::vector<Sha256> hashes) {
    const bool tokens_of_ours = of == attest::Of::tokens;
    return attest::sign_batch(of, tokens_of_ours ? "eu-south-1" : "eu-central-1",
                              tokens_of_ours ? "eu-central-1" : "eu-south-1", now_ms(),
                              std::move(hashes), key);
  }
  void write_batch(const attest::Batch& batch) {
    Buffer line;
    append_batch(line, loop.clock().wall(), batch.root, batch.to_json());
    ASSERT_TRUE(log->append(line.view(), 1));
  }
  // What the key that is believed has no business to sign: the source's word for the
  // destination's, the destination's for another source, and each leaf under the other's name.
  void write_wrong_batches() {
    const auto write_one = [&](attest::Of of, std::string region, std::string peer,
                               const std::vector<Sha256>& hashes) {
      write_batch(
          attest::sign_batch(of, std::move(region), std::move(peer), now_ms(), hashes, key));
    };
    for (const auto& [region, peer] : {std::pair("eu-south-1", "eu-central-1"),
                                       {"eu-south-1", "eu-south-1"},
                                       {"eu-central-1", "eu-west-1"},
                                       {"eu-west-1", "eu-south-1"}}) {
      write_one(attest::Of::attestations, region, peer, leaves);
    }
    for (const auto& [region, peer] : {std::pair("eu-central-1", "eu-south-1"),
                                       {"eu-south-1", "eu-west-1"},
                                       {"eu-west-1", "eu-central-1"}}) {
      write_one(attest::Of::tokens, region, peer, tokens);
    }
    write_batch(batch_of(attest::Of::tokens, leaves));
    write_batch(batch_of(attest::Of::attestations, tokens));
  }
  std::int64_t now_ms() {
    return std::chrono::floor<std::chrono::milliseconds>(loop.clock().wall().time_since_epoch())
        .count();
  }
  json::object attempt_of(int number) {
    return log->find(record(number).request_id)
        .value()
        .value()
        .at("tidegate")
        .at("attempts")
        .as_array()
        .at(0)
        .as_object();
  }
  BatchReport verify_all() {
    MemoryDisk disk(files);
    OneKey trust(key.public_key());
    return verify_batches(disk, trust).value();
  }

  SeededRng rng{11};
  attest::SigningKey key{rng};
  std::vector<Sha256> leaves, tokens;
};

// Also one that ran at home and awaits no batch: the chain alone would hold over it, had it been
// written so.
TEST_F(JoinTest, ARecordThatCannotBeToldIsAFinding) {
  write(1);
  write(2);
  tick();
  EXPECT_TRUE(verify_all().holds());
  const std::string name = files->names().front();
  std::string bytes = files->bytes(name);
  bytes[bytes.find(record(1).request_id) + 80] ^= 1;
  files->set_bytes(name, bytes);
  const BatchReport report = verify_all();
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_TRUE(report.findings.front().contains("not where it says")) << report.findings.front();
}

TEST_F(JoinTest, AFileOfANewerFormIsNotVouchedFor) {
  log.reset();
  const std::string name = files->names().front();
  for (const auto& [version, findings] : {std::pair("1", 0u), {"2", 0u}, {"3", 1u}}) {
    files->set_bytes(
        name, frame_line(kind::segment, {}, "", fmt::format(R"({{"formatVersion":{}}})", version)));
    EXPECT_EQ(verify_all().findings.size(), findings) << version;
  }
}

TEST_F(JoinTest, ARecordHasItsAttestationWithAPathToASignedRoot) {
  for (int i = 0; i < 5; ++i) write_hop(i);
  write_batch(batch_of(attest::Of::tokens, tokens));
  const attest::Batch batch = batch_of(attest::Of::attestations, leaves);
  write_batch(batch);
  tick();
  for (int i = 0; i < 5; ++i) {
    const json::object attempt = attempt_of(i);
    EXPECT_EQ(text(attempt, "attestationState"), "attested");
    const json::object& proof = attempt.at("attestationProof").as_object();
    std::vector<Sha256> path;
    for (const auto& node : proof.at("path").as_array()) {
      path.push_back(*sha256_from_hex(std::string_view(node.as_string())));
    }
    const auto index = static_cast<std::size_t>(proof.at("index").as_int64());
    const json::object& said = attempt.at("attestation").as_object();
    const auto member = [&](std::string_view name) {
      return json::find_string(said, name).value();
    };
    const auto digest = [&](std::string_view name) { return *sha256_from_hex(member(name)); };
    const attest::Attestation statement{.request_id = member("rid"),
                                        .source = member("src"),
                                        .destination = member("dst"),
                                        .row_hash = digest("row"),
                                        .body = digest("body"),
                                        .answer = digest("answer"),
                                        .token = digest("token"),
                                        .outcome = member("outcome"),
                                        .at_ms = json::find_int(said, "t").value()};
    EXPECT_TRUE(attest::path_holds(statement.leaf(), index, leaves.size(), path, batch.root));
    EXPECT_EQ(text(proof.at("batch").as_object(), "root"), to_hex(batch.root));
    EXPECT_EQ(text(attempt.at("tokenProof").at("batch").as_object(), "of"), "tokens");
  }
  EXPECT_EQ(text(lookup().at(0).at("tidegate").at("attempts").as_array()[0].as_object(),
                 "attestationState"),
            "attested");
  expect_chain(5 * 2 + 2);
}

TEST_F(JoinTest, PendingBecomesMissingWithTime) {
  write_hop(1);
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "pending");
  tick(limits::attestation_overdue + 1s);
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "missing");
  write_batch(batch_of(attest::Of::attestations, leaves));
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "attested") << "late is not never";
}

TEST_F(JoinTest, ABatchThatOvertookItsRecordIsFound) {
  write_hop(1);
  const attest::Batch batch = batch_of(attest::Of::attestations, leaves);
  crash();
  files = std::make_shared<MemoryFiles>();
  open();
  leaves.clear();
  write_batch(batch);
  write_hop(1);
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "attested");
}

TEST_F(JoinTest, ABatchInALaterFileIsFound) {
  write_hop(1);
  tick();
  open();  // another file
  write_batch(batch_of(attest::Of::attestations, leaves));
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "attested");
}

TEST_F(JoinTest, NobodySettlesALeafThatIsAnothersToSign) {
  write_hop(1);
  write_wrong_batches();
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "pending");
  EXPECT_FALSE(attempt_of(1).contains("attestationProof"));
  EXPECT_FALSE(attempt_of(1).contains("tokenProof"));
  EXPECT_EQ(log->unattested().value().leaves.size(), 2u);
  tick(limits::attestation_overdue + 1s);
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "missing");
  write(2);
  const BatchReport report = verify_all();
  EXPECT_EQ(report.attestations.proven + report.tokens.proven, 0u);
  EXPECT_EQ(report.attestations.missing, 1u);
  EXPECT_EQ(report.tokens.missing, 1u);
  EXPECT_EQ(report.findings.size(), 2u);

  write_batch(batch_of(attest::Of::attestations, leaves));
  write_batch(batch_of(attest::Of::tokens, tokens));
  const json::object attempt = attempt_of(1);
  for (const auto& [proof, signer] :
       {std::pair("attestationProof", "eu-central-1"), {"tokenProof", "eu-south-1"}}) {
    EXPECT_EQ(text(attempt.at(proof).at("batch").as_object(), "region"), signer);
  }
  EXPECT_TRUE(log->unattested().value().leaves.empty());
  EXPECT_TRUE(verify_all().holds());
}

TEST_F(JoinTest, NobodySettlesALeafThatIsAnothersToSignBeforeItsRecordEither) {
  write_hop(1);
  crash();
  files = std::make_shared<MemoryFiles>();
  open();
  write_wrong_batches();
  leaves.clear();
  tokens.clear();
  write_hop(1);
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "pending");
  const BatchReport report = verify_all();
  EXPECT_EQ(report.attestations.proven + report.tokens.proven, 0u);
  EXPECT_EQ(report.attestations.pending, 1u);
  EXPECT_EQ(report.tokens.pending, 1u);
}

TEST_F(JoinTest, TheDestinationsClockPutsNothingOff) {
  write_hop(1, now_ms() + 86'400'000);
  write_hop(2, INT64_MAX);
  write_hop(3, INT64_MIN);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(text(attempt_of(i), "attestationState"), "pending");
  EXPECT_EQ(verify_all().attestations.pending, 3u);
  tick(limits::attestation_overdue + 1s);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(text(attempt_of(i), "attestationState"), "missing");
  write(4);
  EXPECT_EQ(verify_all().attestations.missing, 3u);
}

TEST_F(JoinTest, ALongAnswerIsWaitedForFromItsEnd) {
  write_hop(1, now_ms(), 30'000);
  write_hop(2, now_ms(), INT64_MAX);
  tick(30s);
  write(3);
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "pending");
  EXPECT_EQ(verify_all().attestations.missing, 0u);
  tick(limits::attestation_overdue + 1s);
  write(4);
  EXPECT_EQ(text(attempt_of(1), "attestationState"), "missing");
  EXPECT_EQ(verify_all().attestations.missing, 1u);
  tick(3'600s);
  write(5);
  EXPECT_EQ(verify_all().attestations.missing, 2u) << "nothing takes for ever";
}

TEST_F(JoinTest, ARestartKnowsWhatWasOwedAndNotWhatItHadRaisedAnAlarmAbout) {
  for (int i = 0; i < 4; ++i) write_hop(i);
  const attest::Batch signed_first = batch_of(attest::Of::attestations, {leaves[0]});
  write_batch(signed_first);
  write_batch(batch_of(attest::Of::tokens, tokens));
  ASSERT_TRUE(log->append_service_event(
      {.event_id = "e",
       .event_time = loop.clock().wall(),
       .event_name = std::string(attestation_missing_event),
       .source_region = "eu-south-1",
       .details = {{missing_leaves_member, json::array{to_base64url(view(leaves[1]))}}}}));
  crash();
  open();
  const Unattested found = log->unattested().value();
  std::set<std::string> ids;
  for (const auto& leaf : found.leaves) {
    EXPECT_EQ(leaf.of, attest::Of::attestations);
    EXPECT_EQ(leaf.region, "eu-central-1");
    ids.insert(leaf.request_id);
  }
  EXPECT_EQ(ids, (std::set<std::string>{std::string(record(2).request_id),
                                        std::string(record(3).request_id)}));
  EXPECT_EQ(found.batches.size(), 2u);
  EXPECT_TRUE(std::ranges::find(found.batches, sha256(signed_first.to_json())) !=
              found.batches.end());
}

TEST_F(JoinTest, AnAlarmSettlesWhatItCountsAndDoesNotName) {
  const auto alarm = [&](std::string_view of, std::string_view peer) {
    ASSERT_TRUE(log->append_service_event(
        {.event_id = "e",
         .event_time = loop.clock().wall(),
         .event_name = std::string(attestation_missing_event),
         .source_region = "eu-south-1",
         .details = {{missing_peer_member, peer},
                     {missing_of_member, of},
                     {"count", 4},
                     {missing_leaves_member, json::array{to_base64url(view(leaves[0]))}}}}));
  };
  const auto owed = [&] {
    std::set<std::pair<attest::Of, std::string>> out;
    for (const auto& leaf : log->unattested().value().leaves) out.emplace(leaf.of, leaf.request_id);
    return out;
  };
  using enum attest::Of;
  for (int i = 0; i < 4; ++i) write_hop(i);
  tick(limits::attestation_overdue + 3s);
  write_hop(4);  // in time still
  const auto id = [&](int i) { return std::string(record(i).request_id); };
  std::set<std::pair<attest::Of, std::string>> ours;
  for (int i = 0; i < 5; ++i) ours.emplace(tokens, id(i));
  alarm("tokens", "eu-central-1");
  alarm("attestations", "eu-west-1");
  auto all = ours;
  for (int i = 1; i < 5; ++i) all.emplace(attestations, id(i));
  EXPECT_EQ(owed(), all) << "alarms about others";
  alarm("attestations", "eu-central-1");
  ours.emplace(attestations, id(4));
  EXPECT_EQ(owed(), ours);
  tick(std::chrono::hours(1));
  crash();
  open();
  EXPECT_EQ(owed(), ours) << "however long nobody ran";
}

TEST_F(JoinTest, AnAuditorCountsWhatIsProven) {
  for (int i = 0; i < 3; ++i) write_hop(i);
  write_batch(batch_of(attest::Of::attestations, leaves));
  write_batch(batch_of(attest::Of::tokens, tokens));
  write_hop(3);
  const BatchReport report = verify_all();
  EXPECT_TRUE(report.holds()) << report.findings.front();
  EXPECT_EQ(report.batches, 2u);
  EXPECT_EQ(report.attestations.proven, 3u);
  EXPECT_EQ(report.attestations.pending, 1u);
  EXPECT_EQ(report.tokens.proven, 3u);
}

TEST_F(JoinTest, AnAuditorFindsWhatIsMissing) {
  write_hop(1);
  write_batch(batch_of(attest::Of::tokens, tokens));
  tick(limits::attestation_overdue + 1s);
  write(2);
  const BatchReport report = verify_all();
  EXPECT_FALSE(report.holds());
  EXPECT_EQ(report.attestations.missing, 1u);
}

TEST_F(JoinTest, AnAuditorFindsAForeignKeyAChangedBatchAndAChangedAnswer) {
  write_hop(1);
  attest::Batch changed = batch_of(attest::Of::attestations, leaves);
  ++changed.at_ms;
  write_batch(changed);
  SeededRng other_rng(12);
  write_batch(attest::sign_batch(attest::Of::tokens, "eu-south-1", "eu-central-1", now_ms(), tokens,
                                 attest::SigningKey(other_rng)));
  const BatchReport report = verify_all();
  ASSERT_EQ(report.findings.size(), 2u);
  EXPECT_TRUE(report.findings[0].contains("signature"));
  EXPECT_TRUE(report.findings[1].contains("another key"));
  EXPECT_EQ(report.attestations.proven, 0u);
}

}  // namespace
}  // namespace tidegate::audit
