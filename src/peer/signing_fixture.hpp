// For tests: a Region's authority and gateway certificate, made in memory, and a SigningIdentity of
// them that believes every Region of the same test.
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>

#include <memory>
#include <string>

#include "base/openssl.hpp"
#include "peer/signing.hpp"

namespace tidegate::peer::testing {

struct Pair {
  openssl::Certificate certificate;
  openssl::Key key;

  std::string certificate_pem() const {
    const openssl::Bio out(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(out.get(), certificate.get());
    return text(out.get());
  }
  std::string key_pem() const {
    const openssl::Bio out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return text(out.get());
  }
  static std::string text(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
  }
};

// Self-signed where there is no issuer; valid for `days` from `from` on.
inline Pair make_certificate(const std::string& uri, const Pair* issuer, WallTime from,
                             int days = 90) {
  Pair out{openssl::Certificate(X509_new()), openssl::Key(EVP_EC_gen("P-256"))};
  X509* const x = out.certificate.get();
  X509* const signer = issuer ? issuer->certificate.get() : x;
  const std::time_t start =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(from));
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), issuer ? 2 : 1);
  ASN1_TIME_set(X509_getm_notBefore(x), start);
  ASN1_TIME_set(X509_getm_notAfter(x), start + std::time_t{days} * 86'400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "OU", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(issuer ? "gateway" : "ca"), -1,
                             -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(signer));
  X509_set_pubkey(x, out.key.get());
  const auto add = [&](int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, signer, x, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  };
  add(NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0");
  add(NID_key_usage, issuer ? "critical,digitalSignature" : "critical,keyCertSign");
  if (issuer) add(NID_ext_key_usage, "serverAuth,clientAuth");
  add(NID_subject_alt_name, "URI:" + uri);
  X509_sign(x, issuer ? issuer->key.get() : out.key.get(), EVP_sha256());
  return out;
}

// One Region's.
struct Certificates {
  Pair authority, gateway;
  Certificates(const std::string& region, const std::string& domain, WallTime from)
      : authority(make_certificate("spiffe://" + region + "." + domain, nullptr, from, 3650)),
        gateway(make_certificate("spiffe://" + region + "." + domain + "/gw/1", &authority, from)) {
  }
};

using Bundles = TrustBundles;

class FixedIdentity final : public SigningIdentity {
 public:
  FixedIdentity(const std::string& region, std::string domain, Rng& rng, WallTime now,
                std::shared_ptr<Bundles> bundles)
      : domain_(std::move(domain)), key_(rng), bundles_(std::move(bundles)) {
    const Certificates made(region, domain_, now - std::chrono::hours(1));
    endorsement_ = std::make_shared<const Endorsement>(endorse(region, key_.public_key(),
                                                               made.gateway.certificate_pem(),
                                                               made.gateway.key_pem(), now)
                                                           .value());
    bundles_->insert_or_assign(region,
                               TrustBundle::from_pem(made.authority.certificate_pem()).value());
  }
  const attest::SigningKey& key() const override { return key_; }
  std::shared_ptr<const Endorsement> endorsement() const override { return endorsement_; }
  Result<void> check(const Endorsement& endorsement) const override {
    return peer::check(*bundles_, endorsement, domain_);
  }

 private:
  std::string domain_;
  attest::SigningKey key_;
  std::shared_ptr<const Endorsement> endorsement_;
  std::shared_ptr<Bundles> bundles_;
};

}  // namespace tidegate::peer::testing
