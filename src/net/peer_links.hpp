// The links of one worker to other Regions: one live channel to each, dialled here and dialled
// again when it breaks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/rng.hpp"
#include "net/epoll_loop.hpp"
#include "net/h2_channel.hpp"
#include "net/tls_context.hpp"
#include "peer/identity.hpp"
#include "peer/links.hpp"

namespace tidegate::net {

class PeerLinks final : public peer::Links {
 public:
  // Opens a connection to that Region and proves that it is that Region. It must honour the
  // cancellation and end in time.
  using Dial =
      std::function<Task<Result<std::unique_ptr<Stream>>>(peer::PeerConfig, Cancellation*)>;

  // `loop` and `rng` are the worker's and outlive this object.
  PeerLinks(Loop& loop, Rng& rng, peer::RegionIdentity self, Dial dial);
  // Breaks what is under way.
  ~PeerLinks() override;

  // Call it after on_change().
  void dial(std::vector<peer::PeerConfig> peers) override;
  // New certificates are in force (`trusted`): every link is dialled anew, takes over when it is
  // up, and leaves to the old one what is under way there. An old one whose peer is not trusted any
  // more gets limits::drain_timeout, and no new request even if the new one cannot be had.
  void renew(std::shared_ptr<const TlsContext> trusted);
  std::shared_ptr<http::Channel> channel(const catalog::RegionId& region) override;
  Duration rtt(const catalog::RegionId& region) const override;
  void on_change(std::function<void(const catalog::RegionId&, bool up)> listener) override;
  void on_impostor(ImpostorListener listener) override;

 private:
  struct Link;
  static Task<void> keep(std::shared_ptr<Link> link);
  static Task<void> use(std::shared_ptr<Link> link, std::shared_ptr<H2Channel> channel);
  static Task<std::shared_ptr<H2Channel>> successor(std::shared_ptr<Link> link,
                                                    std::shared_ptr<H2Channel> channel);
  static Task<void> retire(std::shared_ptr<Link> link);
  static Task<Result<std::shared_ptr<H2Channel>>> open(std::shared_ptr<Link> link);
  enum class Turn : std::uint8_t { up, down };
  void notify(const catalog::RegionId& region, Turn turn);

  Loop& loop_;
  Rng& rng_;
  const peer::RegionIdentity self_;
  const Dial dial_;
  std::shared_ptr<const TlsContext> trusted_;  // as of the last renewal; null before
  std::map<catalog::RegionId, std::shared_ptr<Link>> links_;
  std::vector<std::shared_ptr<Link>> retired_;  // what is under way on them may end
  std::vector<std::function<void(const catalog::RegionId&, bool up)>> listeners_;
  ImpostorListener impostor_listener_;
};

// Dials over mTLS. `context` is asked at each dial, so that renewed certificates are used; it
// outlives the links.
PeerLinks::Dial dial_with_tls(EpollLoop& loop,
                              std::function<std::shared_ptr<const TlsContext>()> context);

}  // namespace tidegate::net
