#include "peer/endorsement.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/openssl.hpp"
#include "peer/identity.hpp"

namespace tidegate::peer {
namespace {

constexpr std::size_t certificates_max = 4;
constexpr std::int64_t clock_allowance_ms = 5 * 60 * 1000;

using openssl::Bio, openssl::Certificate, openssl::DigestContext, openssl::Key;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using Chain = std::unique_ptr<STACK_OF(X509), FreeStack>;

std::string_view view_of(const attest::PublicKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}
const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::unexpected<Error> cannot_endorse(std::string why) {
  ERR_clear_error();
  return fail(ErrorCode::configuration, fmt::format("the signing key cannot be endorsed: {}", why),
              "Check the peer certificate and its key; `tidegate pki issue` makes both.");
}

// Every certificate of a PEM text, in order.
std::vector<Certificate> read_certificates(std::string_view pem) {
  const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<Certificate> out;
  while (X509* one = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) out.emplace_back(one);
  ERR_clear_error();
  return out;
}

std::string to_der(X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate, &raw);
  std::string out(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(std::max(size, 0)));
  OPENSSL_free(raw);
  return out;
}

Certificate from_der(std::string_view der) {
  const unsigned char* at = bytes(der);
  Certificate out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (out && at != bytes(der) + der.size()) out.reset();
  return out;
}

// SHA-256 with ECDSA and RSA; Ed25519 brings its own.
const EVP_MD* digest_for(EVP_PKEY* key) {
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
}

std::optional<std::string> sign(EVP_PKEY* key, std::string_view text) {
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, digest_for(key), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes(text), text.size()) != 1) {
    return std::nullopt;
  }
  std::string out(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                     bytes(text), text.size()) != 1) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

bool signed_by(EVP_PKEY* key, std::string_view text, std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  return key && EVP_DigestVerifyInit(context.get(), nullptr, digest_for(key), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text),
                          text.size()) == 1;
}

std::int64_t milliseconds_of(const ASN1_TIME* time) {
  int days = 0, seconds = 0;
  const openssl::Owned<ASN1_TIME, ASN1_TIME_free> epoch(ASN1_TIME_set(nullptr, 0));
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return 0;
  return (std::int64_t{days} * 86'400 + seconds) * 1'000;
}

bool read_texts(const json::object& o, std::vector<std::string>& out) {
  const json::array* texts = json::find_array(o, "certificates");
  if (!texts || texts->empty() || texts->size() > certificates_max) return false;
  for (const json::value& item : *texts) {
    const auto* text = item.if_string();
    auto der = text ? from_base64url(std::string_view(*text)) : std::nullopt;
    if (!der) return false;
    out.push_back(*std::move(der));
  }
  return true;
}

}  // namespace

std::string Endorsement::signed_text() const {
  std::string out(label);
  out += '\0';
  out += fmt::format(R"({{"key":"{}","notAfter":{},"region":)", to_base64url(view_of(key)),
                     not_after_ms);
  json::append_quoted(out, region);
  out += fmt::format(R"(,"t":{},"v":{}}})", made_ms, version);
  return out;
}

std::string Endorsement::to_json() const {
  std::string out = R"({"certificates":[)";
  for (const std::string& der : certificates) {
    if (out.back() != '[') out += ',';
    json::append_quoted(out, to_base64url(der));
  }
  out += fmt::format(R"(],"key":"{}","notAfter":{},"region":)", to_base64url(view_of(key)),
                     not_after_ms);
  json::append_quoted(out, region);
  out += fmt::format(R"(,"signature":"{}","t":{},"v":{}}})", to_base64url(signature), made_ms,
                     version);
  return out;
}

Result<Endorsement> Endorsement::from_json(std::string_view text) {
  TRY(const json::value parsed, json::parse(text));
  const json::object* o = parsed.if_object();
  Endorsement out;
  const auto decoded = [&](std::string_view name) {
    return from_base64url(o ? json::find_string(*o, name).value_or("") : "").value_or("");
  };
  const std::string key = decoded("key");
  out.signature = decoded("signature");
  if (!o || json::find_int(*o, "v") != version || key.size() != out.key.size() ||
      out.signature.empty() || !read_texts(*o, out.certificates)) {
    return fail(ErrorCode::malformed_json, "not the endorsement of a key");
  }
  std::ranges::copy(key, reinterpret_cast<char*>(out.key.data()));
  out.region = json::find_string(*o, "region").value_or("");
  out.made_ms = json::find_int(*o, "t").value_or(0);
  out.not_after_ms = json::find_int(*o, "notAfter").value_or(0);
  return out;
}

bool Endorsement::covers(std::int64_t at_ms) const {
  return made_ms - clock_allowance_ms <= at_ms && at_ms <= not_after_ms;
}

Result<Endorsement> endorse(std::string region, const attest::PublicKey& key,
                            std::string_view certificate_pem, std::string_view key_pem,
                            WallTime now) {
  const auto certificates = read_certificates(certificate_pem);
  if (certificates.empty()) return cannot_endorse("there is no certificate in PEM form");
  const Bio in(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  const Key own(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  if (!own || X509_check_private_key(certificates.front().get(), own.get()) != 1) {
    return cannot_endorse("the private key is not the certificate's");
  }
  Endorsement out{
      .region = std::move(region),
      .key = key,
      .made_ms = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count(),
      .not_after_ms = milliseconds_of(X509_get0_notAfter(certificates.front().get()))};
  for (const Certificate& one : certificates) out.certificates.push_back(to_der(one.get()));
  if (out.certificates.size() > certificates_max) {
    return cannot_endorse(fmt::format("its chain has more than {} certificates", certificates_max));
  }
  auto signature = sign(own.get(), out.signed_text());
  if (!signature) return cannot_endorse("the private key does not sign");
  out.signature = *std::move(signature);
  return out;
}

void TrustBundle::Free::operator()(x509_store_st* store) const {
  X509_STORE_free(store);
}

Result<TrustBundle> TrustBundle::from_pem(std::string_view pem) {
  const auto certificates = read_certificates(pem);
  if (certificates.empty()) {
    return fail(ErrorCode::configuration, "the trust bundle has no certificate in PEM form",
                "Give the PEM file of that Region's CA certificate.");
  }
  TrustBundle out;
  out.store_.reset(X509_STORE_new());
  for (const Certificate& one : certificates) X509_STORE_add_cert(out.store_.get(), one.get());
  return out;
}

Result<void> TrustBundle::check(const Endorsement& endorsement,
                                std::string_view operator_domain) const {
  const Chain chain(sk_X509_new_null());
  for (const std::string& der : endorsement.certificates) {
    Certificate one = from_der(der);
    if (!one) return key_not_believed("a certificate is not DER");
    sk_X509_push(chain.get(), one.release());
  }
  X509* const leaf = sk_X509_value(chain.get(), 0);
  if (!leaf) return key_not_believed("there is no certificate");
  const auto uri = uri_san(leaf);
  const auto identity = uri ? RegionIdentity::parse(*uri, operator_domain) : std::nullopt;
  if (!identity || identity->region.str() != endorsement.region) {
    return key_not_believed(fmt::format("its certificate is not {}'s", endorsement.region));
  }
  if (X509_get_extension_flags(leaf) & EXFLAG_CA)
    return key_not_believed("its certificate is a CA's");
  const openssl::CertificateCheck context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store_.get(), leaf, chain.get());
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
  X509_STORE_CTX_set_time(context.get(), 0, endorsement.made_ms / 1'000);
  if (X509_verify_cert(context.get()) != 1) {
    return key_not_believed(
        fmt::format("its certificate is not valid under the CA of {}: {}", endorsement.region,
                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
  }
  if (endorsement.not_after_ms > milliseconds_of(X509_get0_notAfter(leaf)) ||
      !signed_by(X509_get0_pubkey(leaf), endorsement.signed_text(), endorsement.signature)) {
    return key_not_believed("its certificate does not vouch for it");
  }
  ERR_clear_error();
  return {};
}

Result<void> check(const TrustBundles& bundles, const Endorsement& endorsement,
                   std::string_view operator_domain) {
  const auto found = bundles.find(endorsement.region);
  if (found == bundles.end()) {
    return key_not_believed(fmt::format(
        "there is no trust bundle of {}: name one (--trust {}=FILE, or trust_bundle of the peer)",
        endorsement.region, endorsement.region));
  }
  return found->second.check(endorsement, operator_domain);
}

std::unexpected<Error> key_not_believed(std::string why) {
  ERR_clear_error();
  return fail(Error{.code = ErrorCode::peer_unavailable,
                    .origin = Origin::peer,
                    .message = "the key of another Region's signatures is not believed",
                    .mend = {},
                    .why = std::move(why)});
}

}  // namespace tidegate::peer
