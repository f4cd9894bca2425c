// Where other Regions' requests come in. The same life as a public request, each difference one
// visible step: the caller is a Region (its certificate), the row is this Region's own reading of
// the token, there is no policy and no routing, and the record is the source's; here only service
// events are written.
#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "gateway/trail.hpp"
#include "http/exchange.hpp"
#include "model/attempt.hpp"
#include "peer/identity.hpp"
#include "peer/token.hpp"
#include "peer/wire.hpp"

namespace tidegate::gateway {

class Region;
class Worker;

class PeerDoor final : public http::Handler {
 public:
  PeerDoor(Region& region, Worker& worker) : region_(region), worker_(worker) {}
  Task<void> serve(http::Exchange& exchange) override;

 private:
  std::shared_ptr<const peer::RegionIdentity> identity_of(std::string_view uri);
  bool is_ahead(const http::RequestHead& head) const;
  Task<void> report(http::Exchange& exchange, const peer::RegionIdentity& peer);
  // What the peer asked of this Region, signed by it.
  Task<void> tokens(http::Exchange& exchange, const peer::RegionIdentity& peer);
  Task<void> execute(http::Exchange& exchange, const peer::RegionIdentity& peer);
  // `begun` gets what came so far, and the front is a part of it.
  Task<Result<peer::RequestFront>> read_front(http::Exchange& exchange, BodyLease& lease,
                                              std::string& begun);
  // The token, believed: opened under this link's secret and admitted by this Region's own
  // catalogue.
  struct Admitted {
    peer::OpenedToken opened;
    std::string traceparent, body;
  };
  Task<Result<void>> admit(http::Exchange& exchange, const peer::RegionIdentity& peer,
                           BodyLease& lease, Admitted& admitted);
  // The peer itself may not talk to this Region, whatever it asks.
  Task<void> refuse_peer(http::Exchange& exchange, std::string rule, json::object facts);
  Task<void> refuse(http::Exchange& exchange, Error error, std::string request_id);
  Task<void> answer(http::Exchange& exchange, const peer::RegionIdentity& peer,
                    const peer::OpenedToken& opened, model::Attempt& attempt, const Sha256& digest);
  peer::Report make_report(const peer::RegionIdentity& peer, std::uint64_t sequence) const;

  Region& region_;
  Worker& worker_;
  std::string last_uri_;
  std::shared_ptr<const peer::RegionIdentity> last_identity_;
};

}  // namespace tidegate::gateway
