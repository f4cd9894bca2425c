#include "net/tls_context.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "base/openssl.hpp"
#include "base/sabotage.hpp"
#include "net/tls_key_log.hpp"

namespace tidegate::net {
namespace {

using File = openssl::Owned<FILE, std::fclose>;  // what OpenSSL reads PEM from

std::unexpected<Error> bad_file(std::string_view path, std::string_view what, std::string mend) {
  return fail(ErrorCode::configuration, fmt::format("{}: {}", path, what), std::move(mend));
}

std::string openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason ? reason : "unknown reason";
}

Result<File> open(const std::string& path, std::string_view what) {
  File file(std::fopen(path.c_str(), "re"));
  if (!file) {
    return bad_file(
        path,
        fmt::format("the {} cannot be read: {}", what, std::generic_category().message(errno)),
        "Check the path and its permissions; `tidegate pki` makes certificates and keys.");
  }
  return file;
}

std::string text_of(const ASN1_TIME* time) {
  tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Result<void> check_dates(const std::string& path, const X509* certificate, WallTime now) {
  auto seconds =
      static_cast<time_t>(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  if (X509_cmp_time(X509_get0_notAfter(certificate), &seconds) < 0) {
    return bad_file(
        path,
        fmt::format("the certificate expired at {}", text_of(X509_get0_notAfter(certificate))),
        "Issue a new certificate (`tidegate pki`), or check this host's clock.");
  }
  if (X509_cmp_time(X509_get0_notBefore(certificate), &seconds) > 0) {
    return bad_file(path,
                    fmt::format("the certificate is not valid before {}",
                                text_of(X509_get0_notBefore(certificate))),
                    "Check this host's clock, or issue the certificate again.");
  }
  return {};
}

// Every certificate of a PEM file, into a store of its own.
Result<X509_STORE*> load_bundle(const std::string& path, std::size_t authorities_max) {
  TRY(File file, open(path, "trust bundle"));
  openssl::CertificateStore store(X509_STORE_new());
  int count = 0;
  while (X509* raw = PEM_read_X509(file.get(), nullptr, nullptr, nullptr)) {
    const openssl::Certificate certificate(raw);
    X509_STORE_add_cert(store.get(), raw);
    ++count;
  }
  ERR_clear_error();
  if (count == 0) {
    return bad_file(path, "the trust bundle has no certificate in PEM form",
                    "Give the PEM file of that Region's CA certificate.");
  }
  if (static_cast<std::size_t>(count) > authorities_max) {
    return bad_file(path,
                    fmt::format("the trust bundle has {} certificates, and a Region has at most {} "
                                "authorities at once",
                                count, authorities_max),
                    "Fetch that Region's present ca.pem: old trust goes with the next rotation.");
  }
  return store.release();
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void* offered) {
  const auto* ours = static_cast<const std::string*>(offered);
  const int chosen = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size,
                                           reinterpret_cast<const unsigned char*>(ours->data()),
                                           static_cast<unsigned>(ours->size()), in, in_size);
  return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}
std::string alpn_clients = "\x02h2\x08http/1.1";
std::string alpn_peers = "\x02h2";

}  // namespace

Result<void> check_key_mode(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};  // the loader says it better
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  const bool kept_by_systemd =
      credentials && *credentials && path.starts_with(std::string(credentials) + "/");
  if ((status.st_mode & (kept_by_systemd ? 037 : 077)) == 0) return {};
  return bad_file(
      path, fmt::format("the key can be read by others (mode {:04o})", status.st_mode & 07777),
      fmt::format("Run: chmod 600 {}", path));
}

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void TlsContext::Free::operator()(x509_store_st* store) const {
  X509_STORE_free(store);
}

Result<std::shared_ptr<TlsContext>> TlsContext::load(const TlsFiles& files, WallTime now) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_method())));
  SSL_CTX* const context = made->native();
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // a thousand idle connections hold none
  log_keys(context);

  TRY_VOID(open(files.certificate, "certificate"));
  TRY_VOID(open(files.key, "key"));
  TRY_VOID(check_key_mode(files.key));
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return bad_file(files.certificate,
                    fmt::format("not a certificate in PEM form ({})", openssl_reason()),
                    "Give a PEM file that has the certificate first and then its chain.");
  }
  TRY_VOID(check_dates(files.certificate, SSL_CTX_get0_certificate(context), now));
  // Loading the key compares it with the certificate, and the two failures need different mends.
  TRY(File file, open(files.key, "key"));
  const openssl::Key key(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr));
  if (!key) {
    return bad_file(
        files.key, fmt::format("not an unencrypted private key in PEM form ({})", openssl_reason()),
        "Give the PEM file of the certificate's private key.");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    ERR_clear_error();
    return bad_file(files.key,
                    fmt::format("the key does not belong to the certificate {}", files.certificate),
                    "Give the key that the certificate was issued for.");
  }
  return made;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::for_clients(const TlsFiles& files,
                                                                  WallTime now) {
  TRY(auto made, load(files, now));
  SSL_CTX_set_min_proto_version(made->native(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(made->native(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_alpn_select_cb(made->native(), choose_alpn, &alpn_clients);
  return made;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::for_servers(const std::string& trust_bundle) {
  std::shared_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_client_method())));
  SSL_CTX* const context = made->native();
  if (trust_bundle.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else {
    TRY(X509_STORE * store, load_bundle(trust_bundle, SIZE_MAX));
    SSL_CTX_set_cert_store(context, store);
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  log_keys(context);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  static constexpr std::string_view alpn_servers = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(alpn_servers.data()),
                          static_cast<unsigned>(alpn_servers.size()));
  return made;
}

// OpenSSL's own verification is replaced as a whole: it would accept any chain to any trusted CA.
struct PeerVerifier {
  static int verify(X509_STORE_CTX* asked, void* argument) {
    const auto& context = *static_cast<const TlsContext*>(argument);
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(asked, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* check = static_cast<PeerCheck*>(SSL_get_app_data(ssl));
    int error = X509_V_ERR_APPLICATION_VERIFICATION;
    std::string why = refusal(context, *check, ssl, X509_STORE_CTX_get0_cert(asked),
                              X509_STORE_CTX_get0_untrusted(asked), error);
    if (why.empty()) {
      X509_STORE_CTX_set_error(asked, X509_V_OK);
      return 1;
    }
    check->refused = std::move(why);
    X509_STORE_CTX_set_error(asked, error);
    return 0;
  }

  static std::string refusal(const TlsContext& context, const PeerCheck& check, const SSL* ssl,
                             X509* leaf, STACK_OF(X509) * untrusted, int& error) {
    if (sabotage::off(sabotage::Layer::link)) return {};
    const auto uri = uri_san(leaf);
    if (!uri) return "its certificate does not have exactly one URI name";
    const auto identity = peer::RegionIdentity::parse(*uri, context.operator_domain_);
    if (!identity)
      return "the URI of its certificate is not the identity of a Region of this deployment";
    const auto store = context.stores_.find(identity->region);
    if (store == context.stores_.end()) {
      return fmt::format("it says that it is {}, whose CA is not trusted here",
                         identity->region.str());
    }
    if (check.expected && *check.expected != identity->region) {
      return fmt::format("it is {}, not {}", identity->region.str(), check.expected->str());
    }
    if (X509_get_extension_flags(leaf) & EXFLAG_CA) return "it shows a CA's certificate as its own";
    const openssl::CertificateCheck chain(X509_STORE_CTX_new());
    X509_STORE_CTX_init(chain.get(), store->second.get(), leaf, untrusted);
    X509_STORE_CTX_set_purpose(
        chain.get(), SSL_is_server(ssl) ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
    if (X509_verify_cert(chain.get()) == 1) return {};
    error = X509_STORE_CTX_get_error(chain.get());
    ERR_clear_error();
    return fmt::format("its certificate is not valid under the CA of {}: {}",
                       identity->region.str(), X509_verify_cert_error_string(error));
  }
};

std::string TlsContext::refusal_of(const PeerCheck& check, const ssl_st* session) const {
  X509* leaf = SSL_get0_peer_certificate(session);
  if (!leaf) return "it showed no certificate";
  int error = X509_V_OK;
  return PeerVerifier::refusal(*this, check, session, leaf, SSL_get_peer_cert_chain(session),
                               error);
}

TlsFacts TlsContext::facts() const {
  TlsFacts facts;
  const X509* certificate = SSL_CTX_get0_certificate(native());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (certificate && X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1) {
    facts.sha256 = to_hex({reinterpret_cast<const char*>(digest.data()), size});
    facts.not_after = text_of(X509_get0_notAfter(certificate));
  }
  for (const auto& [region, store] : stores_) {
    const auto* objects = X509_STORE_get0_objects(store.get());
    facts.authorities[region] = static_cast<std::size_t>(sk_X509_OBJECT_num(objects));
  }
  return facts;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::for_peers(const TlsFiles& files,
                                                                const PeerTrust& trust,
                                                                WallTime now) {
  TRY(auto made, load(files, now));
  SSL_CTX* const context = made->native();
  made->operator_domain_ = trust.operator_domain;
  const auto own = uri_san(SSL_CTX_get0_certificate(context));
  const auto identity =
      own ? peer::RegionIdentity::parse(*own, trust.operator_domain) : std::nullopt;
  if (!identity || identity->region != trust.self) {
    return bad_file(
        files.certificate,
        fmt::format("the certificate is not that of Region {} of {} (its URI name is {})",
                    trust.self.str(), trust.operator_domain,
                    own ? fmt::format("'{}'", *own) : "missing"),
        "Issue one for this Region (`tidegate pki`), or mend region.name.");
  }
  for (const auto& [region, path] : trust.bundles) {
    TRY(X509_STORE * store, load_bundle(path, limits::trust_bundle_authorities_max));
    made->stores_.emplace(region, store);
  }
  if (made->stores_.empty()) {
    return fail(ErrorCode::configuration,
                "No Region's CA is trusted, so no peer could ever be accepted.",
                "List the trust bundles of the peers.");
  }
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_clear_mode(context, SSL_MODE_RELEASE_BUFFERS);  // links are few and seldom idle
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, PeerVerifier::verify, made.get());
  SSL_CTX_set_alpn_select_cb(context, choose_alpn, &alpn_peers);
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(alpn_peers.data()),
                          static_cast<unsigned>(alpn_peers.size()));
  return made;
}

}  // namespace tidegate::net
