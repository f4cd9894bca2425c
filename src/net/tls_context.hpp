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
struct ssl_st;
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

// Belongs to one connection: what to demand of the other side, and why it was refused.
struct PeerCheck {
  std::optional<catalog::RegionId> expected;  // when dialling: this Region and no other
  std::string refused;                        // a sentence; empty while nothing was wrong
};

struct TlsFacts {
  std::string sha256;                                    // of the certificate, in hexadecimal
  std::string not_after;                                 // "2027-02-27T20:31:00Z"
  std::map<catalog::RegionId, std::size_t> authorities;  // how many are trusted, of each Region
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
  // Why the other side of an established session would not be let in under this context; empty if
  // it would be.
  std::string refusal_of(const PeerCheck& check, const ssl_st* session) const;
  // What is in force, for whoever asked for a reload.
  TlsFacts facts() const;

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

using peer::uri_san;

// A private key must be its owner's alone: whoever reads it can be this Region. One that systemd
// keeps for its service (a file below $CREDENTIALS_DIRECTORY) may show its group's bit: that is the
// mask of an access list which names the service's user. Errors: configuration.
Result<void> check_key_mode(const std::string& path);

}  // namespace tidegate::net
