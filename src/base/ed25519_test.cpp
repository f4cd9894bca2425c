// RFC 8032, section 7.1, tests 1 and 2, and what a signature must not survive.
#include "base/ed25519.hpp"

#include <gtest/gtest.h>

namespace tidegate {
namespace {

Ed25519PublicKey key_of(std::string_view hex) {
  return Ed25519PublicKey::from_bytes(from_hex(hex).value()).value();
}

TEST(Ed25519, VerifiesTheVectorsOfTheRfc) {
  const auto first = key_of("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_TRUE(first.verify(
      "", from_hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33ba"
                   "cc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
              .value()));
  const auto second = key_of("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const std::string signature =
      from_hex(
          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458"
          "f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
          .value();
  EXPECT_TRUE(second.verify("\x72", signature));
  EXPECT_FALSE(second.verify("\x73", signature));
  EXPECT_FALSE(first.verify("\x72", signature));
  EXPECT_FALSE(second.verify("\x72", std::string_view(signature).substr(1)));
}

TEST(Ed25519, SignsWithAKeyThatItMade) {
  const Ed25519Pem pem = make_ed25519_key().value();
  const auto key = Ed25519PublicKey::from_pem(pem.public_key).value();
  const Ed25519Signature made = sign_ed25519(pem.private_key, "message").value();
  EXPECT_EQ(made.key, key);
  EXPECT_TRUE(key.verify("message", made.bytes));
  EXPECT_EQ(key.id().size(), 16u);
}

TEST(Ed25519, TakesNoOtherKeys) {
  const Ed25519Pem pem = make_ed25519_key().value();
  EXPECT_FALSE(Ed25519PublicKey::from_pem(pem.private_key));
  EXPECT_FALSE(Ed25519PublicKey::from_pem("nothing"));
  EXPECT_FALSE(sign_ed25519(pem.public_key, "message"));
  EXPECT_FALSE(Ed25519PublicKey::from_bytes("short"));
}

}  // namespace
}  // namespace tidegate
