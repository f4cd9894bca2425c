#include "cli/pki_make.hpp"

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>

#include "cli/files.hpp"

namespace tidegate::cli::pki {
namespace {

constexpr std::chrono::days authority_lifetime{3650};
constexpr std::chrono::minutes backdated{5};  // for hosts whose clocks are a little behind

std::time_t seconds_of(WallTime time) {
  return std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
}

struct ExtensionText {
  int nid;
  std::string value;
};

bool add_extension(X509* certificate, X509* issuer, const ExtensionText& text) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, text.nid, text.value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, and always 16 bytes
  const BigNumber number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_subject(X509* certificate, const std::string& unit) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto add = [&](const char* field, std::string_view value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  // No common name: who somebody is stands in the subject alternative name only.
  return add("O", "tidegate") && add("OU", unit);
}

struct Order {
  std::string unit;  // of the subject: for a person who reads it
  std::chrono::days lifetime;
  std::vector<ExtensionText> extensions;
  std::string permitted_host =
      {};  // an authority that may name this host in URIs, and nothing else
};

bool add_subtree(STACK_OF(GENERAL_SUBTREE) * *trees, int type, std::string_view base) {
  if (!*trees) *trees = sk_GENERAL_SUBTREE_new_null();
  GENERAL_SUBTREE* tree = GENERAL_SUBTREE_new();
  ASN1_STRING* text =
      ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  if (!*trees || !tree || !text ||
      ASN1_STRING_set(text, base.data(), static_cast<int>(base.size())) != 1)
    return false;
  GENERAL_NAME_set0_value(tree->base, type, text);
  return sk_GENERAL_SUBTREE_push(*trees, tree) > 0;
}

// Permitted: that one host in URIs. Excluded: every DNS name and every address (an empty base
// matches all of its kind).
bool add_name_constraints(X509* certificate, const std::string& permitted_host) {
  using namespace std::string_view_literals;
  constexpr std::string_view every_ipv6 =
      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
  const NameConstraints constraints(NAME_CONSTRAINTS_new());
  return constraints && add_subtree(&constraints->permittedSubtrees, GEN_URI, permitted_host) &&
         add_subtree(&constraints->excludedSubtrees, GEN_DNS, "") &&
         add_subtree(&constraints->excludedSubtrees, GEN_IPADD, every_ipv6.substr(0, 8)) &&
         add_subtree(&constraints->excludedSubtrees, GEN_IPADD, every_ipv6) &&
         X509_add1_ext_i2d(certificate, NID_name_constraints, constraints.get(), 1,
                           X509V3_ADD_DEFAULT) == 1;
}

// Self-signed if `issuer` is null.
Result<Authority> make_certificate(const Order& order, const Authority* issuer, WallTime now) {
  PrivateKey key(EVP_EC_gen("P-256"));
  Certificate certificate(X509_new());
  if (!key || !certificate) return openssl_failed("make a key");
  X509* const x = certificate.get();
  X509* const signer = issuer ? issuer->certificate.get() : x;
  const bool filled = X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
                      set_subject(x, order.unit) &&
                      X509_set_issuer_name(x, X509_get_subject_name(signer)) == 1 &&
                      ASN1_TIME_set(X509_getm_notBefore(x), seconds_of(now - backdated)) &&
                      ASN1_TIME_set(X509_getm_notAfter(x), seconds_of(now + order.lifetime)) &&
                      X509_set_pubkey(x, key.get()) == 1;
  if (!filled) return openssl_failed("fill a certificate");
  for (const ExtensionText& extension : order.extensions) {
    if (!add_extension(x, signer, extension))
      return openssl_failed(fmt::format("add the extension {}", OBJ_nid2sn(extension.nid)));
  }
  if (!order.permitted_host.empty() && !add_name_constraints(x, order.permitted_host)) {
    return openssl_failed("add the name constraints");
  }
  if (X509_sign(x, issuer ? issuer->key.get() : key.get(), EVP_sha256()) == 0)
    return openssl_failed("sign a certificate");
  return Authority{std::move(certificate), std::move(key)};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Result<void> save_key(const PrivateKey& key, const std::filesystem::path& file) {
  const Bio text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_failed("write PEM");
  return write_file(file, text_of(text.get()), private_mode);
}

Result<void> save_certificates(std::span<X509* const> certificates,
                               const std::filesystem::path& file) {
  const Bio text(BIO_new(BIO_s_mem()));
  for (X509* one : certificates) {
    if (PEM_write_bio_X509(text.get(), one) != 1) return openssl_failed("write PEM");
  }
  return write_file(file, text_of(text.get()), public_mode);
}

Result<void> save(const Authority& made, const std::filesystem::path& certificate,
                  const std::filesystem::path& key) {
  TRY_VOID(save_key(made.key, key));  // the key first: a certificate alone is of no use
  X509* const one[] = {made.certificate.get()};
  return save_certificates(one, certificate);
}

Result<Authority> make_region_authority(const std::string& region, const std::string& domain,
                                        WallTime now) {
  const std::string trust_domain = region + "." + domain;
  return make_certificate({.unit = "authority of " + region,
                           .lifetime = authority_lifetime,
                           .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                          {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                          {NID_subject_key_identifier, "hash"},
                                          {NID_subject_alt_name, "URI:spiffe://" + trust_domain}},
                           .permitted_host = trust_domain},
                          nullptr, now);
}

Result<Authority> make_api_authority(WallTime now) {
  return make_certificate({.unit = "authority of public ports",
                           .lifetime = authority_lifetime,
                           .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                          {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                          {NID_subject_key_identifier, "hash"}}},
                          nullptr, now);
}

Result<Authority> make_leaf(const Authority& authority, Leaf leaf, WallTime now) {
  return make_certificate({.unit = std::move(leaf.unit),
                           .lifetime = leaf.lifetime,
                           .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                          {NID_key_usage, "critical,digitalSignature"},
                                          {NID_ext_key_usage, std::move(leaf.usages)},
                                          {NID_subject_key_identifier, "hash"},
                                          {NID_authority_key_identifier, "keyid"},
                                          {NID_subject_alt_name, std::move(leaf.names)}}},
                          &authority, now);
}

}  // namespace tidegate::cli::pki
