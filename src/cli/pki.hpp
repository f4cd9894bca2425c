// Certificates of a deployment. Each Region has an authority of its own, whose critical name
// constraint permits that Region's trust domain and nothing else: a stolen key of one Region cannot
// speak for another. Clients' side is apart: one authority for the certificates of the public
// ports. Rules: X509-SVID.md of https://github.com/spiffe/spiffe, RFC 5280.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tidegate::cli::pki {

// Of one authority: its certificates (the one that signs first, then one that comes or goes), its
// key, and the key of one that is announced.
struct AuthorityFiles {
  std::filesystem::path certificates, key, next_key;
};

// Where things are below the directory of a deployment. A host needs its own Region's folder and
// the ca.pem of others.
struct Paths {
  std::filesystem::path directory;
  std::filesystem::path region_ca(const std::string& region) const {
    return directory / region / "ca.pem";
  }
  std::filesystem::path region_ca_key(const std::string& region) const {
    return directory / region / "ca.key";
  }
  std::filesystem::path region_ca_next_key(const std::string& region) const {
    return directory / region / "ca-next.key";
  }
  AuthorityFiles region_authority(const std::string& region) const {
    return {region_ca(region), region_ca_key(region), region_ca_next_key(region)};
  }
  std::filesystem::path peer(const std::string& region, const std::string& node) const {
    return directory / region / (node + "-peer.pem");
  }
  std::filesystem::path peer_key(const std::string& region, const std::string& node) const {
    return directory / region / (node + "-peer.key");
  }
  std::filesystem::path api(const std::string& region, const std::string& node) const {
    return directory / region / (node + "-api.pem");
  }
  std::filesystem::path api_key(const std::string& region, const std::string& node) const {
    return directory / region / (node + "-api.key");
  }
  std::filesystem::path api_ca() const { return directory / "api-ca.pem"; }
  std::filesystem::path api_ca_key() const { return directory / "api-ca.key"; }
  AuthorityFiles api_authority() const {
    return {api_ca(), api_ca_key(), directory / "api-ca-next.key"};
  }
};

// What became of one file.
enum class Made : std::uint8_t { created, kept, replaced };
struct Outcome {
  std::filesystem::path file;
  Made made;
};

// Makes the authorities that are not there yet; those that are there are kept. Errors:
// configuration.
Result<std::vector<Outcome>> init(const Paths& paths, const std::string& operator_domain,
                                  const std::vector<std::string>& regions, WallTime now);

struct IssueRequest {
  std::string region;
  std::string node = "1";
  std::vector<std::string> names{"localhost", "127.0.0.1",
                                 "::1"};  // of the public port: DNS names and addresses
  std::chrono::days lifetime{90};
};
// A peer certificate from the Region's authority and, where the key of api-ca.pem is here, a public
// one. Always new keys; replaces what was there. Errors: configuration.
Result<std::vector<Outcome>> issue(const Paths& paths, const IssueRequest& request, WallTime now);

// The public one alone. Errors: configuration.
Result<Outcome> issue_public(const Paths& paths, const IssueRequest& request, WallTime now);

// New certificates with new keys, as issue() makes them; without names, for those of the present
// certificate. A retired authority leaves ca.pem now. Errors: configuration.
Result<std::vector<Outcome>> rotate(const Paths& paths, const IssueRequest& request, WallTime now);

// A Region's authority is replaced in two steps, because other Regions must trust the new one
// before it signs. The first call announces: the new authority's certificate is the second of
// ca.pem, its key is ca-next.key, and nothing else changes. The second call, when the others have
// that ca.pem, switches: the new authority becomes the first of ca.pem and signs new certificates;
// the old one, retired, stays the second until the next rotation. Errors: configuration.
enum class AuthorityStep : std::uint8_t { announced, switched, retired };
struct AuthorityRotation {
  AuthorityStep step;
  std::vector<Outcome> outcomes;
};
Result<AuthorityRotation> rotate_authority(const Paths& paths, const IssueRequest& request,
                                           WallTime now);

// The authority of public ports, which clients trust by their copy of api-ca.pem, in three steps.
// The first announces, as above: a client that trusts the old one, and one that has both, are
// served alike. The second switches, and signs the public certificate of this gateway. The third
// retires: the old one leaves api-ca.pem. It is refused while a public certificate below the
// directory is signed by it. Errors: configuration.
Result<AuthorityRotation> rotate_api_authority(const Paths& paths, const IssueRequest& request,
                                               WallTime now);

struct Facts {
  std::string subject, issuer, serial, sha256;  // serial and digest in hexadecimal
  std::vector<std::string> names;               // "URI:...", "DNS:...", "IP:..."
  std::vector<std::string> usages;              // "digitalSignature", "serverAuth", ...
  std::vector<std::string> constraints;         // of an authority: "permitted URI:..."
  WallTime not_before, not_after;
  bool authority = false;
};
// Of each certificate in a PEM file, in order. Errors: configuration.
Result<std::vector<Facts>> read(const std::filesystem::path& file);

// A trust bundle as the gateway takes it: one or two authorities. Errors: configuration.
Result<std::vector<Facts>> check_bundle(const std::filesystem::path& file);

// The leaf in `certificate` belongs to `key`, is in force at `now` and, if `uri` is not empty, has
// that as its one URI. Errors: configuration; says which of them does not hold.
Result<Facts> check_pair(const std::filesystem::path& certificate, const std::filesystem::path& key,
                         const std::string& uri, WallTime now);

}  // namespace tidegate::cli::pki
