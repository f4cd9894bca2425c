// What a certificate says, for `pki show` and `check`.
#include <fmt/format.h>
#include <openssl/pem.h>
#include <time.h>

#include <array>

#include "aws/sigv4.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "cli/pki.hpp"
#include "cli/pki_read.hpp"
#include "config/region.hpp"

namespace tidegate::cli::pki {

namespace {

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string printed(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string printed(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_URI:
      return "URI:" + text_of(name->d.uniformResourceIdentifier);
    case GEN_DNS:
      return "DNS:" +
             (ASN1_STRING_length(name->d.dNSName) == 0 ? "(any)" : text_of(name->d.dNSName));
    case GEN_IPADD:
      break;
    default:
      return "another kind of name";
  }
  const std::string bytes = text_of(name->d.iPAddress);
  if (bytes.find_first_not_of('\0') == std::string::npos)
    return bytes.size() == 8 ? "IP:(any IPv4)" : "IP:(any IPv6)";
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(bytes[i]));
  };
  if (bytes.size() == 4) return fmt::format("IP:{}.{}.{}.{}", byte(0), byte(1), byte(2), byte(3));
  std::string text = "IP:";
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    text += fmt::format("{}{:x}", i ? ":" : "", byte(i) << 8 | byte(i + 1));
  return text;
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime{};
  return WallTime{std::chrono::seconds(timegm(&parts))};
}

std::vector<std::string> usages_of(X509* certificate) {
  static constexpr std::pair<std::uint32_t, std::string_view> keys[] = {
      {KU_DIGITAL_SIGNATURE, "digitalSignature"},
      {KU_KEY_CERT_SIGN, "keyCertSign"},
      {KU_CRL_SIGN, "cRLSign"},
      {KU_KEY_ENCIPHERMENT, "keyEncipherment"}};
  static constexpr std::pair<std::uint32_t, std::string_view> extended[] = {
      {XKU_SSL_SERVER, "serverAuth"}, {XKU_SSL_CLIENT, "clientAuth"}};
  std::vector<std::string> usages;
  const std::uint32_t flags = X509_get_extension_flags(certificate);
  for (const auto& [bit, name] : keys) {
    if ((flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(certificate) & bit) != 0)
      usages.emplace_back(name);
  }
  for (const auto& [bit, name] : extended) {
    if ((flags & EXFLAG_XKUSAGE) != 0 && (X509_get_extended_key_usage(certificate) & bit) != 0)
      usages.emplace_back(name);
  }
  return usages;
}

void add_constraints(std::vector<std::string>& out, std::string_view word,
                     const STACK_OF(GENERAL_SUBTREE) * trees) {
  for (int i = 0; trees && i < sk_GENERAL_SUBTREE_num(trees); ++i) {
    out.push_back(fmt::format("{} {}", word, printed(sk_GENERAL_SUBTREE_value(trees, i)->base)));
  }
}

Facts facts_of(X509* certificate) {
  Facts facts{.subject = printed(X509_get_subject_name(certificate)),
              .issuer = printed(X509_get_issuer_name(certificate)),
              .serial = to_hex(text_of(X509_get0_serialNumber(certificate))),
              .sha256 = {},
              .names = {},
              .usages = usages_of(certificate),
              .constraints = {},
              .not_before = time_of(X509_get0_notBefore(certificate)),
              .not_after = time_of(X509_get0_notAfter(certificate)),
              .authority = X509_check_ca(certificate) == 1};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1) {
    facts.sha256 = to_hex({reinterpret_cast<const char*>(digest.data()), size});
  }
  const GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    facts.names.push_back(printed(sk_GENERAL_NAME_value(names.get(), i)));
  }
  const NameConstraints constraints(static_cast<NAME_CONSTRAINTS*>(
      X509_get_ext_d2i(certificate, NID_name_constraints, nullptr, nullptr)));
  if (constraints) {
    add_constraints(facts.constraints, "permitted", constraints->permittedSubtrees);
    add_constraints(facts.constraints, "excluded", constraints->excludedSubtrees);
  }
  return facts;
}

}  // namespace

Result<std::vector<Facts>> read(const std::filesystem::path& file) {
  TRY(const auto certificates, read_certificates(file));
  std::vector<Facts> all;
  for (const Certificate& one : certificates) all.push_back(facts_of(one.get()));
  return all;
}

Result<std::vector<Facts>> check_bundle(const std::filesystem::path& file) {
  TRY(auto all, read(file));
  if (all.size() > limits::trust_bundle_authorities_max) {
    return wrong(
        fmt::format("{} holds {} certificates", file.string(), all.size()),
        fmt::format("a Region has at most {} authorities at once, the one in force and the "
                    "next or the last one",
                    limits::trust_bundle_authorities_max),
        "fetch that Region's present ca.pem");
  }
  return all;
}

Result<Facts> check_pair(const std::filesystem::path& certificate, const std::filesystem::path& key,
                         const std::string& uri, WallTime now) {
  TRY(const Authority pair, read_authority(certificate, key));
  Facts facts = facts_of(pair.certificate.get());
  const std::string file = certificate.string();
  if (facts.not_after <= now || facts.not_before > now) {
    return wrong(fmt::format("{} is not in force", file),
                 fmt::format("it holds from {} to {}", aws::iso8601(facts.not_before),
                             aws::iso8601(facts.not_after)),
                 "issue a new one (tidegate pki issue), or set this host's clock");
  }
  if (uri.empty()) return facts;
  const auto uris = uris_of(pair.certificate.get());
  if (uris.size() != 1 || uris[0] != uri) {
    return wrong(fmt::format("{} is not the certificate of this gateway", file),
                 fmt::format("its URI is {}, this configuration is {}",
                             uris.empty() ? "missing" : uris[0], uri),
                 "tidegate pki issue, with this region and node, or correct region, "
                 "operator_domain and node");
  }
  return facts;
}

}  // namespace tidegate::cli::pki
