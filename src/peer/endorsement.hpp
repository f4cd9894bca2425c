// Why a signature of attestations is a Region's: the certificate by which the Region's gateway is
// known on its links says so of the key. An outsider who has the Region's trust bundle can check
// it, then and years later. Form: docs/reference/attestation.md.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attest/signing_key.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

struct x509_store_st;  // OpenSSL's

namespace tidegate::peer {

struct Endorsement {
  static constexpr int version = 1;
  static constexpr std::string_view label = "tidegate endorsement 1";

  std::string region{};
  attest::PublicKey key{};
  std::int64_t made_ms = 0, not_after_ms = 0;  // Unix time; the latter is the certificate's
  std::vector<std::string> certificates{};     // DER: the gateway's, then its chain
  std::string signature{};                     // by the certificate's key, SHA-256

  // What is signed: the label, a NUL, and RFC 8785 JSON of the first four members.
  std::string signed_text() const;
  std::string to_json() const;  // RFC 8785
  // Errors: malformed_json.
  static Result<Endorsement> from_json(std::string_view text);
  // Whether the key may have signed at that time: five minutes of clock are forgiven.
  bool covers(std::int64_t at_ms) const;
};

// By the certificate (PEM: the gateway's, then its chain) and its private key. Errors:
// configuration.
Result<Endorsement> endorse(std::string region, const attest::PublicKey& key,
                            std::string_view certificate_pem, std::string_view key_pem,
                            WallTime now);

// One Region's CA certificates.
class TrustBundle {
 public:
  // Errors: configuration.
  static Result<TrustBundle> from_pem(std::string_view pem);
  // The certificate was valid under this bundle when the endorsement was made, names the
  // endorsement's Region in `operator_domain`, and signed it. Errors: peer_unavailable, `why`
  // saying which of them does not hold.
  Result<void> check(const Endorsement& endorsement, std::string_view operator_domain) const;

 private:
  struct Free {
    void operator()(x509_store_st* store) const;
  };
  std::unique_ptr<x509_store_st, Free> store_;
};

// Those of several Regions, by name.
using TrustBundles = std::map<std::string, TrustBundle>;

// By the bundle of the endorsement's Region. Errors: as TrustBundle::check(), and where there is no
// such bundle.
Result<void> check(const TrustBundles& bundles, const Endorsement& endorsement,
                   std::string_view operator_domain);

// The refusal of a key: peer_unavailable, with this `why`.
std::unexpected<Error> key_not_believed(std::string why);

}  // namespace tidegate::peer
