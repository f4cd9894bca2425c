// TLS contexts: certificates and what is demanded of the other side. A context is immutable; a
// reload makes a new one and new connections use it. Between Regions (docs: fence) it is TLS 1.3,
// both sides show a certificate, and a peer is who its SPIFFE URI says only if its chain ends at
// the CA of that very Region: one Region's CA cannot speak for another.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/time.hpp"
#include "catalog/catalog.hpp"
#include "peer/identity.hpp"

// OpenSSL's types, so that users of contexts need not see its headers.
struct ssl_ctx_st;
struct x509_store_st;
struct x509_st;

namespace tidegate::net {

struct TlsFiles {
  std::string certificate;  // path: PEM, the certificate first, then its chain
  std::string key;          // path: PEM, readable by its owner alone
};

// Whom to believe about peers.
struct PeerTrust {
  catalog::RegionId self;
  std::string operator_domain;
  std::map<catalog::RegionId, std::string> bundles;  // Region -> path: PEM of that Region's CA
};

class TlsContext {
 public:
  // For clients: TLS 1.2 or 1.3, ALPN h2 or http/1.1. Errors: configuration (the file, what, why,
  // and the mend).
  static Result<std::shared_ptr<const TlsContext>> for_clients(const TlsFiles& files, WallTime now);
  // For links between Regions, both roles: TLS 1.3, ALPN h2, no resumption, no early data. Errors
  // as above, and a certificate that is not this Region's own.
  static Result<std::shared_ptr<const TlsContext>> for_peers(const TlsFiles& files,
                                                             const PeerTrust& trust, WallTime now);
  // Towards servers that are no Regions: TLS 1.2 or 1.3, ALPN http/1.1, and a certificate for the
  // server's name under one of the CAs in `trust_bundle` (path; empty: the system's). Errors:
  // configuration.
  static Result<std::shared_ptr<const TlsContext>> for_servers(const std::string& trust_bundle);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* native() const { return context_.get(); }
  bool demands_peer() const { return !stores_.empty(); }

 private:
  friend struct PeerVerifier;
  struct Free {
    void operator()(ssl_ctx_st* context) const;
    void operator()(x509_store_st* store) const;
  };
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  static Result<std::shared_ptr<TlsContext>> load(const TlsFiles& files, WallTime now);

  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string operator_domain_;
  std::map<catalog::RegionId, std::unique_ptr<x509_store_st, Free>> stores_;
};

// The one URI among a certificate's subject alternative names, byte for byte; nothing if there is
// not exactly one.
std::optional<std::string> uri_san(const x509_st* certificate);

// Belongs to one connection while it shakes hands: what to demand, and why it was refused.
struct PeerCheck {
  std::optional<catalog::RegionId> expected;  // when dialling: this Region and no other
  std::string refused;                        // a sentence; empty while nothing was wrong
};

}  // namespace tidegate::net
