// Many leaves under one signature: what a Region ran for another one, or asked of it, in the last
// 100 ms. With the leaves at hand anyone can make each one's inclusion path. The same JSON crosses
// the link and stands in the source's audit log; docs/reference/attestation.md has its form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attest/signing_key.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace tidegate::attest {

enum class Of : std::uint8_t { attestations, tokens };
std::string_view name_of(Of of);

struct Batch {
  static constexpr int version = 1;
  static constexpr std::string_view label = "tidegate batch 1";

  Of of = Of::attestations;
  std::string region{};          // who signs
  std::string peer{};            // for whom it ran them, or whom it asked
  std::int64_t at_ms = 0;        // Unix time of the signature
  std::vector<Sha256> leaves{};  // in the tree's order; at least one
  Sha256 root{};
  PublicKey key{};
  Signature signature{};

  // What is signed: the label, a NUL, and RFC 8785 JSON of all but the leaves and the signature.
  std::string signed_text() const;
  std::string to_json() const;  // RFC 8785; its SHA-256 tells whether a batch was seen before
  // Errors: malformed_json: not such an object, more than limits::batch_leaves_max leaves, or a
  // root that is not theirs. The signature is not looked at.
  static Result<Batch> from_json(std::string_view text);
  bool signature_holds() const { return attest::signature_holds(key, signed_text(), signature); }
};

// Of a batch's JSON that has been believed before, its leaves alone; none where it is not one.
std::vector<Sha256> leaves_in(std::string_view batch_json);

Batch sign_batch(Of of, std::string region, std::string peer, std::int64_t at_ms,
                 std::vector<Sha256> leaves, const SigningKey& key);

}  // namespace tidegate::attest
