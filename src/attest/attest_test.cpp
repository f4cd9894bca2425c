#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "attest/attestation.hpp"
#include "attest/batch.hpp"
#include "attest/merkle.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"

namespace tidegate::attest {
namespace {

// Made by an implementation that shares nothing with this one: test/support/offline_verifier.py.
const json::object& vectors() {
  static const json::value read = [] {
    std::ifstream in(TIDEGATE_SOURCE_DIR "/docs/reference/attestation-vectors.json");
    return json::parse(std::string(std::istreambuf_iterator<char>(in), {})).value();
  }();
  return read.get_object();
}

std::string_view text(const json::value& o, std::string_view name) {
  return json::find_string(o.get_object(), name).value();
}
Sha256 digest(std::string_view hex) {
  return sha256_from_hex(hex).value();
}
std::vector<Sha256> digests(const json::value& list) {
  std::vector<Sha256> out;
  for (const auto& item : list.get_array()) out.push_back(digest(item.get_string()));
  return out;
}

std::vector<Sha256> vector_leaves() {
  std::vector<Sha256> out;
  for (const auto& one : vectors().at("attestations").get_array()) {
    out.push_back(digest(text(one, "leaf")));
  }
  return out;
}

SigningKey vector_key() {
  std::array<std::uint8_t, 32> seed;
  std::ranges::copy(digest(json::find_string(vectors(), "seed").value()), seed.begin());
  return SigningKey(seed);
}

TEST(Attestation, HasTheBytesAndTheLeafOfTheVectors) {
  for (const auto& one : vectors().at("attestations").get_array()) {
    const json::value& s = one.get_object().at("statement");
    const Attestation attestation{.request_id = text(s, "rid"),
                                  .source = text(s, "src"),
                                  .destination = text(s, "dst"),
                                  .row_hash = digest(text(s, "row")),
                                  .body = digest(text(s, "body")),
                                  .answer = digest(text(s, "answer")),
                                  .token = digest(text(s, "token")),
                                  .outcome = text(s, "outcome"),
                                  .at_ms = json::find_int(s.get_object(), "t").value()};
    EXPECT_EQ(to_hex(attestation.bytes()), text(one, "bytes"));
    EXPECT_EQ(to_hex(attestation.leaf()), text(one, "leaf"));
  }
}

TEST(Merkle, HasTheRootsAndPathsOfTheVectors) {
  const auto leaves = vector_leaves();
  const auto roots = digests(vectors().at("roots"));
  for (std::size_t n = 1; n <= leaves.size(); ++n) {
    EXPECT_EQ(merkle_root(std::span(leaves).first(n)), roots[n - 1]) << n;
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    EXPECT_EQ(inclusion_path(leaves, i), digests(vectors().at("paths").get_array()[i])) << i;
  }
}

TEST(Merkle, APathHoldsForItsLeafAndItsPlaceOnly) {
  for (std::size_t n = 1; n <= 33; ++n) {
    std::vector<Sha256> leaves;
    for (std::size_t i = 0; i < n; ++i) leaves.push_back(leaf_hash("test", std::to_string(i)));
    const Sha256 root = merkle_root(leaves);
    for (std::size_t i = 0; i < n; ++i) {
      auto path = inclusion_path(leaves, i);
      EXPECT_TRUE(path_holds(leaves[i], i, n, path, root)) << i << " of " << n;
      EXPECT_FALSE(path_holds(leaf_hash("other", "x"), i, n, path, root));
      EXPECT_FALSE(path_holds(leaves[i], i, n, path, leaf_hash("other", "root")));
      if (n > 1) EXPECT_FALSE(path_holds(leaves[i], (i + 1) % n, n, path, root));
      EXPECT_FALSE(path_holds(leaves[i], n, n, path, root));
      path.push_back(root);
      EXPECT_FALSE(path_holds(leaves[i], i, n, path, root)) << "a path that is too long";
    }
  }
}

TEST(Batch, IsSignedAsTheVectorsSay) {
  const std::string wanted = json::canonical(vectors().at("batch"));
  const Batch batch = sign_batch(Of::attestations, "eu-central-1", "eu-south-1", 1780909502200,
                                 vector_leaves(), vector_key());
  EXPECT_EQ(batch.to_json(), wanted);
  EXPECT_EQ(batch.signed_text(),
            std::string(Batch::label) + '\0' +
                std::string(json::find_string(vectors(), "batchText").value()));
  const auto read = Batch::from_json(wanted);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->signature_holds());
  EXPECT_EQ(read->leaves, vector_leaves());
}

TEST(Batch, EveryChangeIsNoticed) {
  const Batch good = sign_batch(Of::tokens, "eu-south-1", "eu-central-1", 1780909502200,
                                vector_leaves(), vector_key());
  const auto holds = [](const Batch& changed) {
    const auto read = Batch::from_json(changed.to_json());
    return read && read->signature_holds();
  };
  EXPECT_TRUE(holds(good));
  const auto changed = [&](auto change) {
    Batch batch = good;
    change(batch);
    return holds(batch);
  };
  EXPECT_FALSE(changed([](Batch& b) { b.of = Of::attestations; }));
  EXPECT_FALSE(changed([](Batch& b) { b.region = "eu-west-1"; }));
  EXPECT_FALSE(changed([](Batch& b) { b.peer = "eu-west-1"; }));
  EXPECT_FALSE(changed([](Batch& b) { ++b.at_ms; }));
  EXPECT_FALSE(changed([](Batch& b) { b.leaves.pop_back(); }));
  EXPECT_FALSE(changed([](Batch& b) { std::swap(b.leaves[0], b.leaves[1]); }));
  EXPECT_FALSE(changed([](Batch& b) { b.leaves[0][0] ^= 1; }));
  EXPECT_FALSE(changed([](Batch& b) { b.root[31] ^= 1; }));
  EXPECT_FALSE(changed([](Batch& b) { b.key[5] ^= 1; }));
  EXPECT_FALSE(changed([](Batch& b) { b.signature[63] ^= 1; }));
  EXPECT_FALSE(changed([](Batch& b) {  // another tree under the old signature
    b.leaves.pop_back();
    b.root = merkle_root(b.leaves);
  }));
}

TEST(Batch, WhatIsNoneIsRefused) {
  const Batch good =
      sign_batch(Of::tokens, "eu-south-1", "eu-central-1", 1, vector_leaves(), vector_key());
  Batch many = good;
  many.leaves.assign(limits::batch_leaves_max + 1, many.leaves[0]);
  many.root = merkle_root(many.leaves);
  EXPECT_FALSE(Batch::from_json(many.to_json()));
  Batch none = good;
  none.leaves.clear();
  for (const std::string& bad : {std::string(), std::string("{}"), std::string("[1]"),
                                 none.to_json(), good.to_json().substr(1), good.to_json() + "x"}) {
    EXPECT_FALSE(Batch::from_json(bad)) << bad.substr(0, 60);
  }
}

}  // namespace
}  // namespace tidegate::attest
