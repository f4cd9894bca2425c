// What one Region's gateway is told by its configuration file (config/ reads it;
// docs/reference/configuration.md lists it).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "catalog/catalog.hpp"
#include "model/backend.hpp"
#include "peer/links.hpp"

namespace tidegate::gateway {

struct Address {
  std::string host;  // a literal address
  std::uint16_t port = 0;
};

struct TlsFiles {
  std::string certificate;  // PEM, leaf first
  std::string key;          // PEM, mode 0600
  bool empty() const { return certificate.empty(); }
};

// An IPv6 address; an IPv4 one is mapped into it (::ffff:a.b.c.d).
using IpBytes = std::array<std::uint8_t, 16>;

struct Network {
  std::string text;  // "10.0.0.0/8", "2001:db8::/32"
  IpBytes base{};
  unsigned bits = 0;  // of the base that count, of 128
  bool contains(const IpBytes& address) const;
  bool is_ipv6() const { return text.find(':') != std::string::npos; }
};

// Who may sign catalogues.
struct CatalogSigner {
  std::string name;
  std::string key;  // PEM: an Ed25519 public key
};

enum class GlobalProfiles : std::uint8_t { off, on };

struct RegionConfig {
  catalog::RegionId region{""};
  std::string operator_domain;  // trust domains are REGION.OPERATOR_DOMAIN
  std::string node = "1";
  std::string state_dir;     // audit/, documents.sqlite, admin.sock
  Address api;               // HTTP/1.1, h2c and TLS on one port
  Address peer;              // mTLS HTTP/2; port 0: no other Region may send here
  std::string admin_socket;  // default: state_dir/admin.sock
  TlsFiles api_tls;          // empty: the public port speaks no TLS
  TlsFiles peer_tls;
  int workers = 0;  // 0: one a core
  Duration capacity_wait = limits::capacity_wait;
  std::size_t requests_in_flight_max = limits::requests_in_flight_max;
  GlobalProfiles global_profiles = GlobalProfiles::off;
  Duration clock_skew = limits::clock_skew;
  audit::Durability durability = audit::Durability::relaxed;
  int retention_days = limits::retention_days_default;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
  std::vector<CatalogSigner> catalog_signers;
  std::string catalog_bundle;  // taken while the store has none; empty: the built-in library
  std::vector<model::BackendConfig> backends;
  std::vector<Network> backend_networks;  // where they must be; empty: anywhere
  std::vector<model::ModelConfig> models;
  std::vector<peer::PeerConfig> peers;  // destinations to dial, and Regions that may dial here
};

}  // namespace tidegate::gateway
