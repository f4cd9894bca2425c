// A bundle: a catalogue on its way to gateways, as one canonical, content-addressed and signed
// document. The file is RFC 8785 JSON and nothing else (a line feed may end it):
//
//   {"bundle":{"catalog":{...},"epoch":2,"format":1,"previous":"<SHA-256 of the bundle before>"},
//    "signatures":[{"key":"<id>","signature":"<base64>"}]}
//
// Its address is the SHA-256 of the member "bundle" as it stands in the file. A signature is
// Ed25519 over the text of signed_text(), so that a hash is all that a signer has to be shown.
#pragma once

#include <span>

#include "base/ed25519.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::catalog {

// Who may sign: a person or a machine, by name.
struct Signer {
  std::string name;
  Ed25519PublicKey key;
};

struct BundleSignature {
  std::string key;        // Ed25519PublicKey::id()
  std::string signature;  // 64 bytes
};

class Bundle {
 public:
  // A new one without signatures. `previous`: the address of the bundle before, empty for epoch 1.
  // Errors: configuration (the document is no catalogue).
  static Result<Bundle> draft(std::string_view catalog_json, std::uint64_t epoch,
                              std::string previous);
  // Errors: configuration: not in its canonical form, a member that is unknown or missing, what
  // Catalog::parse() refuses. Signatures are read, not believed: see verify().
  static Result<Bundle> parse(std::string_view text);

  std::uint64_t epoch() const { return epoch_; }
  const std::string& previous() const { return previous_; }  // empty at epoch 1
  const std::string& sha256() const { return sha256_; }      // its address, 64 hex digits
  const std::shared_ptr<const Catalog>& catalog() const { return catalog_; }
  std::span<const BundleSignature> signatures() const { return signatures_; }
  std::string signed_text() const;
  // With one signature more; one by the same key is replaced. Errors: those of sign_ed25519().
  Result<void> sign(std::string_view private_pem);
  // The names of the signers whose signatures hold. Errors: configuration, where a signature in the
  // name of one of them does not: somebody has changed something. Signatures by others do not
  // count.
  Result<std::vector<std::string>> verify(std::span<const Signer> signers) const;
  std::string text() const;  // the file

 private:
  Bundle() = default;
  std::uint64_t epoch_ = 0;
  std::string previous_, sha256_, content_;
  std::shared_ptr<const Catalog> catalog_;
  std::vector<BundleSignature> signatures_;
};

}  // namespace tidegate::catalog
