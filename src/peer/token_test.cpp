// The signer's own reading of the catalogue, and how strictly a token is opened.
#include "peer/token.hpp"

#include <gtest/gtest.h>

#include "attest/merkle.hpp"
#include "base/limits.hpp"
#include "peer/seal.hpp"
#include "peer/token_fixture.hpp"

namespace tidegate::peer {
namespace {

const TokenSigner signer(catalog::Catalog::built_in());

std::string rule_of(const auto& result) {
  return result ? "accepted" : result.error().why;
}

TEST(TokenSigner, RoundTrips) {
  RoutingToken token = good_token();
  token.subset = {"eu-central-1", "eu-west-1"};
  const auto wire = signer.sign(token, link_key);
  ASSERT_TRUE(wire) << wire.error().message;
  const auto whole = open_token(wire->bytes, link_key);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->leaf, wire->leaf);
  const RoutingToken* const opened = &whole->token;
  EXPECT_EQ(opened->jti, token.jti);
  EXPECT_EQ(opened->request_id, token.request_id);
  EXPECT_EQ(opened->source, token.source);
  EXPECT_EQ(opened->destination, token.destination);
  EXPECT_EQ(opened->profile, token.profile);
  EXPECT_EQ(opened->profile_version, token.profile_version);
  EXPECT_EQ(opened->row_hash, token.row_hash);
  EXPECT_EQ(opened->subset, token.subset);
  EXPECT_EQ(opened->operation, token.operation);
  EXPECT_EQ(opened->model_id, token.model_id);
  EXPECT_EQ(opened->body_sha256, token.body_sha256);
  EXPECT_EQ(opened->principal_hash, token.principal_hash);
  EXPECT_EQ(opened->expires_ms, token.expires_ms);
}

TEST(TokenSigner, RefusesWhatItsOwnCatalogueDoesNotAllow) {
  struct Case {
    std::string_view rule;
    void (*change)(RoutingToken&);
  };
  const Case cases[] = {
      {"unknown_profile", [](RoutingToken& t) { t.profile = "eu.amazon.nova-9-v1:0"; }},
      {"unknown_profile",
       [](RoutingToken& t) { t.profile = t.model_id; }},  // a bare model id stays at home
      {"no_row", [](RoutingToken& t) { t.source = "eu-west-2"; }},
      {"row_hash", [](RoutingToken& t) { t.row_hash[0] ^= 1; }},
      {"row_version", [](RoutingToken& t) { t.profile_version = 2; }},
      {"not_in_row", [](RoutingToken& t) { t.destination = "eu-west-2"; }},
      {"not_in_row", [](RoutingToken& t) { t.destination = "us-east-1"; }},
      {"not_in_row", [](RoutingToken& t) { t.destination = t.source; }},
      {"subset_widens", [](RoutingToken& t) { t.subset = {"eu-central-1", "eu-west-2"}; }},
      {"not_in_subset", [](RoutingToken& t) { t.subset = {"eu-west-1"}; }},
      {"model", [](RoutingToken& t) { t.model_id = "anthropic.claude-opus-5"; }},
      {"malformed", [](RoutingToken& t) { t.jti.clear(); }},
      {"malformed", [](RoutingToken& t) { t.request_id.assign(limits::token_bytes_max, 'r'); }},
  };
  for (const Case& c : cases) {
    RoutingToken token = good_token();
    c.change(token);
    const auto wire = signer.sign(token, link_key);
    EXPECT_EQ(rule_of(wire), c.rule);
    if (!wire) EXPECT_EQ(wire.error().code, ErrorCode::fence_refused);
  }
  EXPECT_EQ(rule_of(signer.sign(good_token(), std::nullopt)), "malformed");
}

TEST(OpenToken, IsWorthNothingOnAnotherLink) {
  const std::string wire = signer.sign(good_token(), link_key)->bytes;
  EXPECT_EQ(rule_of(open_token(wire, HmacKey(std::string(32, 't')))), "mac");
  EXPECT_EQ(rule_of(open_token(wire, std::nullopt)), "mac");
}

TEST(OpenToken, EveryChangedByteIsNoticed) {
  const std::string wire = signer.sign(good_token(), link_key)->bytes;
  for (std::size_t i = 0; i < wire.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = wire;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      EXPECT_FALSE(open_token(changed, link_key)) << i << ' ' << bit;
    }
    EXPECT_FALSE(open_token(wire.substr(0, i), link_key)) << i;
  }
  for (const std::string& other : {wire + "A", wire + "\x80", "\x80" + wire, wire + wire,
                                   std::string(limits::token_bytes_max + 1, '\x80')}) {
    EXPECT_FALSE(open_token(other, link_key));
  }
}

// A peer that knows the secret may still not say one thing to one reader and another to the next.
TEST(OpenToken, RefusesEveryOtherFormOfIt) {
  constexpr std::string_view label = "tidegate routing token 1";
  const std::string wire = signer.sign(good_token(), link_key)->bytes;
  const std::string bytes(unseal(label, wire, *link_key, limits::token_bytes_max)->document);
  EXPECT_EQ(open_token(wire, link_key)->leaf, attest::leaf_hash(label, bytes));
  const auto rule_for = [&](const std::string& document) {
    return rule_of(open_token(seal(label, document, *link_key).bytes, link_key));
  };
  ASSERT_EQ(rule_for(bytes), "accepted");
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(rule_for(bytes.substr(0, size)), "malformed") << size;
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string out = bytes;
    const auto at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
  };
  using namespace std::string_view_literals;
  for (const std::string& changed : {
           bytes + '\0', bytes + bytes, with("\x01", "\x02"),  // the version
           with("\0\x08"
                "Converse"sv,
                "\0\0"sv),  // no operation
           with("\0\x08"
                "Converse"sv,
                "\0\x09"
                "Converse"sv),  // longer than it says
           with("\0\x08"
                "Converse"sv,
                "\0\x08"
                "Converse\0"sv),                                            // shorter
           with("Converse", "Convers\xff"),                                 // not UTF-8
           with("v1:0\0\0\0\0\0\0\0\x01"sv, "v1:0\0\0\0\x01\0\0\0\x01"sv),  // a version of 33 bits
           bytes.substr(0, bytes.size() - 8) +
               "\xff\xff\xff\xff\xff\xff\xff\xff",  // expired in 1969
       }) {
    EXPECT_EQ(rule_for(changed), "malformed") << changed;
  }
  EXPECT_EQ(rule_of(open_token(seal("tidegate trailer 1", bytes, *link_key).bytes, link_key)),
            "mac");
}

}  // namespace
}  // namespace tidegate::peer
