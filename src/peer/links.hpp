// Links to other Regions, as a port. net/ keeps one live mTLS HTTP/2 channel a worker and Region,
// dialled by sources to the destinations of their rows, and dials again when one breaks; a test
// hands out in-memory ones.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.hpp"
#include "http/client.hpp"

namespace tidegate::peer {

struct PeerConfig {
  catalog::RegionId region;
  std::string host;  // a literal address
  std::uint16_t port = 0;
  std::string trust_bundle;  // path: PEM of that Region's CA
};

class Links {
 public:
  virtual ~Links() = default;
  // The live channel, or null while there is none. Its connection().peer_uri has been verified to
  // be that Region's.
  virtual std::shared_ptr<http::Channel> channel(const catalog::RegionId& region) = 0;
  // Round-trip time by HTTP/2 PING; zero while unknown.
  virtual Duration rtt(const catalog::RegionId& region) const = 0;
  // These from now on, and no others: on the loop's thread. A link that is not among them takes
  // nothing new; what is under way on it may end.
  virtual void dial(std::vector<PeerConfig> peers) = 0;
  // Called on the loop's thread when a channel came up or broke.
  virtual void on_change(std::function<void(const catalog::RegionId&, bool up)> listener) = 0;
  // Called on the loop's thread when what answers at a Region's address cannot prove that it is
  // that Region: once, until a link is up again.
  using ImpostorListener = std::function<void(const catalog::RegionId&, std::string_view why)>;
  virtual void on_impostor(ImpostorListener) {}
};

}  // namespace tidegate::peer
