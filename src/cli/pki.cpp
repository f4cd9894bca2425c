#include "cli/pki.hpp"

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>

#include "base/bytes.hpp"
#include "cli/files.hpp"
#include "cli/openssl.hpp"
#include "cli/pki_read.hpp"
#include "config/region.hpp"

namespace tidegate::cli::pki {
namespace {

constexpr std::chrono::days authority_lifetime{3650};
constexpr std::chrono::minutes backdated{5};  // for hosts whose clocks are a little behind

std::time_t seconds_of(WallTime time) {
  return std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
}

// ---- making

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

std::string pem_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<void> save(const Authority& made, const std::filesystem::path& certificate,
                  const std::filesystem::path& key) {
  const Bio key_text(BIO_new(BIO_s_mem()));
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(key_text.get(), made.key.get(), nullptr, nullptr, 0, nullptr,
                               nullptr) != 1 ||
      PEM_write_bio_X509(certificate_text.get(), made.certificate.get()) != 1) {
    return openssl_failed("write PEM");
  }
  TRY_VOID(write_file(key, pem_of(key_text.get()),
                      private_mode));  // the key first: a certificate alone is of no use
  return write_file(certificate, pem_of(certificate_text.get()), public_mode);
}

std::string subject_alternative_name(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    const bool address =
        config::parse_address(name + ":0") || config::parse_address("[" + name + "]:0");
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", address ? "IP" : "DNS", name);
  }
  return text;
}

bool is_plain_name(const std::string& text) {
  return !text.empty() && text.size() <= 200 && text.front() != '.' &&
         text.find("..") == std::string::npos &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || std::isdigit(c) != 0 || c == '-' || c == '_' ||
                  c == '.';
         });
}

Result<void> check_name(std::string_view what, const std::string& text) {
  if (is_plain_name(text)) return {};
  return wrong(fmt::format("{} \"{}\" cannot be part of a certificate's name", what, text),
               "it must be lower-case letters, digits, '-', '_' and '.'",
               "write it like eu-south-1 or tidegate.internal");
}

// The authority's own URI is spiffe://REGION.OPERATOR-DOMAIN.
Result<std::string> trust_domain_of(const Authority& authority, const std::filesystem::path& file,
                                    const std::string& region) {
  constexpr std::string_view scheme = "spiffe://";
  const auto uris = uris_of(authority.certificate.get());
  if (uris.size() == 1 && uris[0].starts_with(std::string(scheme) + region + "."))
    return uris[0].substr(scheme.size());
  return wrong(fmt::format("{} is not the authority of {}", file.string(), region),
               "its URI does not begin with spiffe://" + region + ".",
               "make it with tidegate pki init");
}

Order region_authority(const std::string& region, const std::string& domain) {
  const std::string trust_domain = region + "." + domain;
  return {.unit = "authority of " + region,
          .lifetime = authority_lifetime,
          .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                         {NID_key_usage, "critical,keyCertSign,cRLSign"},
                         {NID_subject_key_identifier, "hash"},
                         {NID_subject_alt_name, "URI:spiffe://" + trust_domain}},
          .permitted_host = trust_domain};
}

Order api_authority() {
  return {.unit = "authority of public ports",
          .lifetime = authority_lifetime,
          .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                         {NID_key_usage, "critical,keyCertSign,cRLSign"},
                         {NID_subject_key_identifier, "hash"}}};
}

Result<Outcome> make_authority(const Order& order, const std::filesystem::path& certificate,
                               const std::filesystem::path& key, WallTime now) {
  if (std::filesystem::exists(certificate) && std::filesystem::exists(key)) {
    TRY_VOID(read_authority(certificate, key));
    return Outcome{certificate, Made::kept};
  }
  TRY_VOID(make_directory(certificate.parent_path()));
  TRY(const Authority made, make_certificate(order, nullptr, now));
  TRY_VOID(save(made, certificate, key));
  return Outcome{certificate, Made::created};
}

Result<Outcome> make_leaf(const Authority& authority, std::string unit, std::string names,
                          std::string usages, std::chrono::days lifetime,
                          const std::filesystem::path& certificate,
                          const std::filesystem::path& key, WallTime now) {
  const Order order{.unit = std::move(unit),
                    .lifetime = lifetime,
                    .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                   {NID_key_usage, "critical,digitalSignature"},
                                   {NID_ext_key_usage, std::move(usages)},
                                   {NID_subject_key_identifier, "hash"},
                                   {NID_authority_key_identifier, "keyid"},
                                   {NID_subject_alt_name, std::move(names)}}};
  TRY(const Authority made, make_certificate(order, &authority, now));
  TRY_VOID(save(made, certificate, key));
  return Outcome{certificate, Made::created};
}

}  // namespace

Result<std::vector<Outcome>> init(const Paths& paths, const std::string& operator_domain,
                                  const std::vector<std::string>& regions, WallTime now) {
  TRY_VOID(check_name("the operator's domain", operator_domain));
  std::vector<Outcome> outcomes;
  for (const std::string& region : regions) {
    TRY_VOID(check_name("the Region", region));
    TRY(auto outcome, make_authority(region_authority(region, operator_domain),
                                     paths.region_ca(region), paths.region_ca_key(region), now));
    outcomes.push_back(std::move(outcome));
  }
  TRY(auto outcome, make_authority(api_authority(), paths.api_ca(), paths.api_ca_key(), now));
  outcomes.push_back(std::move(outcome));
  return outcomes;
}

Result<std::vector<Outcome>> issue(const Paths& paths, const IssueRequest& request, WallTime now) {
  TRY_VOID(check_name("the Region", request.region));
  TRY_VOID(check_name("the node", request.node));
  TRY(const auto authority,
      read_authority(paths.region_ca(request.region), paths.region_ca_key(request.region)));
  TRY(const auto trust_domain,
      trust_domain_of(authority, paths.region_ca(request.region), request.region));

  std::vector<Outcome> outcomes;
  TRY(auto peer,
      make_leaf(authority, "gateway " + request.region + "/" + request.node,
                fmt::format("URI:spiffe://{}/gw/{}", trust_domain, request.node),
                "serverAuth,clientAuth", request.lifetime, paths.peer(request.region, request.node),
                paths.peer_key(request.region, request.node), now));
  outcomes.push_back(std::move(peer));
  if (!std::filesystem::exists(paths.api_ca_key())) return outcomes;

  for (const std::string& name : request.names) {
    if (name.find_first_of(",;\n") != std::string::npos || name.empty()) {
      return wrong(fmt::format("\"{}\" is not a host name", name),
                   "it is neither a DNS name nor an address", "write it like api.example.org");
    }
  }
  TRY(const auto api_authority, read_authority(paths.api_ca(), paths.api_ca_key()));
  TRY(auto api, make_leaf(api_authority, "public port of " + request.region,
                          subject_alternative_name(request.names), "serverAuth", request.lifetime,
                          paths.api(request.region, request.node),
                          paths.api_key(request.region, request.node), now));
  outcomes.push_back(std::move(api));
  return outcomes;
}

}  // namespace tidegate::cli::pki
