// One case a rule: the destination refuses by its own reading, whatever the source signed.
#include "peer/admission.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "peer/token_fixture.hpp"

namespace tidegate::peer {
namespace {

using catalog::Catalog;
using catalog::RegionId;

constexpr std::string_view global_id = "global.amazon.nova-2-lite-v1:0";
constexpr std::string_view sonnet_id = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";

// What a destination is asked, owned.
struct Question {
  RoutingToken token = good_token();
  std::string peer = "eu-south-1";
  std::string self = "eu-central-1";
  std::string body = peer::body;
  WallTime at = now;
  bool global_granted = false;

  Result<void> ask(const std::shared_ptr<ReplayTable>& replay) const {
    const Admission admission(Catalog::built_in(), RegionId(self), replay, global_granted);
    return admission.admit(
        {.peer_region = peer, .token = token, .body_hash = sha256(body), .now = at});
  }
  Result<void> ask() const { return ask(std::make_shared<ReplayTable>(16)); }
};

TEST(Admission, LetsInWhatTheRowAllows) {
  EXPECT_TRUE(Question().ask());
  Question narrowed;
  narrowed.token.subset = {"eu-central-1", "eu-west-1"};
  EXPECT_TRUE(narrowed.ask());
  Question from_london;
  from_london.token = good_token(sonnet_id, "eu-west-2");
  from_london.peer = "eu-west-2";
  EXPECT_TRUE(from_london.ask());
  Question global;
  global.token = good_token(global_id, "eu-south-1", "eu-west-2");
  global.self = "eu-west-2";
  global.global_granted = true;
  EXPECT_TRUE(global.ask());
}

TEST(Admission, EachRuleRefuses) {
  struct Case {
    std::string_view rule;
    std::function<void(Question&)> change;
  };
  const Case cases[] = {
      {"source_mismatch", [](Question& q) { q.peer = "eu-west-1"; }},
      {"wrong_destination", [](Question& q) { q.self = "eu-west-1"; }},
      {"expired", [](Question& q) { q.at = now + std::chrono::seconds(91); }},
      {"expired", [](Question& q) { q.at = now - std::chrono::seconds(31); }},
      {"body_hash", [](Question& q) { q.body += " "; }},
      {"unknown_profile", [](Question& q) { q.token.profile = "eu.amazon.nova-9-v1:0"; }},
      {"unknown_profile", [](Question& q) { q.token.profile = q.token.model_id; }},
      {"global_not_granted",
       [](Question& q) { q.token = good_token(global_id, "eu-south-1", "eu-central-1"); }},
      {"no_row",
       [](Question& q) {
         q.token.source = "eu-west-2";
         q.peer = "eu-west-2";
       }},
      {"row_hash", [](Question& q) { q.token.row_hash = {}; }},
      {"row_version", [](Question& q) { q.token.profile_version = 2; }},
      {"not_in_row",
       [](Question& q) {
         q.token = good_token(sonnet_id, "eu-south-1", "eu-west-2");
         q.self = "eu-west-2";
       }},
      {"subset_widens", [](Question& q) { q.token.subset = {"eu-central-1", "eu-west-2"}; }},
      {"not_in_subset", [](Question& q) { q.token.subset = {"eu-west-1"}; }},
      {"model", [](Question& q) { q.token.model_id = "amazon.nova-pro-v1:0"; }},
  };
  for (const Case& c : cases) {
    Question question;
    c.change(question);
    const auto admitted = question.ask();
    ASSERT_FALSE(admitted) << c.rule;
    EXPECT_EQ(admitted.error().why, c.rule);
    EXPECT_EQ(admitted.error().code, ErrorCode::fence_refused);
    EXPECT_FALSE(admitted.error().message.empty());
  }
}

TEST(Admission, ClocksMayDifferALittle) {
  Question question;
  question.at = now + std::chrono::seconds(89);
  EXPECT_TRUE(question.ask());
  question.at = now - std::chrono::seconds(29);
  EXPECT_TRUE(question.ask());
}

TEST(Admission, ATokenIsUsedOnceAndOnlyByWhatRuns) {
  const auto replay = std::make_shared<ReplayTable>(16);
  Question refused;
  refused.body += " ";
  EXPECT_FALSE(refused.ask(replay));
  EXPECT_TRUE(Question().ask(replay));
  const auto again = Question().ask(replay);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().why, "replayed");
}

TEST(Admission, AFullReplayTableHandsBack) {
  const auto replay = std::make_shared<ReplayTable>(1);
  Question question;
  Result<void> last;
  for (int i = 0; i < 3 && last; ++i) {
    question.token.jti = "jti-" + std::to_string(i);
    last = question.ask(replay);
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::peer_capacity);
  EXPECT_EQ(last.error().retry, Retry::other_region);
}

// Every profile, source and destination: the signer and the admission agree, and neither leaves the
// row.
TEST(Fence, BothEndsAgreeOnEveryTriple) {
  const auto built_in = Catalog::built_in();
  const TokenSigner signer(built_in);
  std::size_t allowed = 0;
  for (const auto& [id, profile] : built_in->profiles()) {
    if (profile.geography != "eu") continue;
    for (const auto& [source, row] : profile.rows) {
      for (const auto& info : built_in->regions()) {
        Question question;
        question.token = good_token(id, source.str(), info.id.str());
        question.peer = source.str();
        question.self = info.id.str();
        const bool in_row = row.find(info.id) != nullptr;
        EXPECT_EQ(question.ask().has_value(), in_row) << id << source.str() << info.id.str();
        EXPECT_EQ(signer.sign(question.token, link_key).has_value(), in_row && info.id != source);
        allowed += in_row;
      }
    }
  }
  EXPECT_EQ(allowed, 964u);
}

}  // namespace
}  // namespace tidegate::peer
