#include "net/peer_links.hpp"

#include <algorithm>
#include <deque>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "net/dial.hpp"

namespace tidegate::net {

// Kept alive by its task, which may notice only later that the links are gone.
struct PeerLinks::Link {
  Link(Loop& on, Rng& random, peer::RegionIdentity own, peer::PeerConfig peer, Dial how,
       PeerLinks* of)
      : loop(on),
        rng(random),
        self(std::move(own)),
        config(std::move(peer)),
        dial(std::move(how)),
        links(of) {}

  Loop& loop;
  Rng& rng;
  const peer::RegionIdentity self;
  const peer::PeerConfig config;
  const Dial dial;
  PeerLinks* links;      // null once they are gone
  bool retired = false;  // not among those to dial any more
  Cancellation stop;
  std::shared_ptr<H2Channel> channel;         // while it is usable
  std::shared_ptr<const TlsContext> trusted;  // as of the last renewal; null before
  std::uint64_t renewals = 0;
  std::deque<std::weak_ptr<H2Channel>> replaced;  // that may still carry something, oldest first

  void replace(const std::shared_ptr<H2Channel>& old) {
    old->retire(trusts(*old) ? limits::link_retired_max : Duration(limits::drain_timeout));
    std::erase_if(replaced, [](const auto& one) { return one.expired(); });
    if (replaced.size() >= limits::links_retired_max) {
      if (const auto oldest = replaced.front().lock()) oldest->close();
      replaced.pop_front();
    }
    replaced.push_back(old);
  }
  void close_replaced() const {
    for (const auto& one : replaced) {
      if (const auto open = one.lock()) open->close();
    }
  }
  bool trusts(const H2Channel& one) const { return !trusted || one.trusted_by(*trusted); }
};

namespace {

// Half of it is chance, so that Regions that lost the same peer do not come back in step.
Duration jittered(Duration wait, Rng& rng) {
  const auto half = static_cast<std::uint64_t>(wait.count() / 2);
  return Duration(static_cast<std::int64_t>(half + rng.below(half + 1)));
}

Error not_that_region(const peer::PeerConfig& config, std::string_view uri) {
  return {.code = ErrorCode::fence_refused,
          .origin = Origin::peer,
          .retry = Retry::other_region,
          .message = "The other end of the link is not Region " + config.region.str() + ".",
          .mend = {},
          .why = "its identity is \"" + std::string(uri) + "\""};
}

}  // namespace

PeerLinks::PeerLinks(Loop& loop, Rng& rng, peer::RegionIdentity self, Dial dial)
    : loop_(loop), rng_(rng), self_(std::move(self)), dial_(std::move(dial)) {}

PeerLinks::~PeerLinks() {
  const auto end = [](const std::shared_ptr<Link>& link) {
    link->links = nullptr;
    link->stop.request();
    link->close_replaced();
  };
  for (auto& [region, link] : links_) end(link);
  for (auto& link : retired_) end(link);
}

void PeerLinks::dial(std::vector<peer::PeerConfig> peers) {
  const auto is_wanted = [&](const auto& entry) {
    return std::ranges::find(peers, entry.first, &peer::PeerConfig::region) != peers.end();
  };
  for (auto at = links_.begin(); at != links_.end();) {
    if (is_wanted(*at)) {
      ++at;
      continue;
    }
    retired_.push_back(at->second);
    spawn(retire(at->second));
    at = links_.erase(at);
  }
  for (peer::PeerConfig& config : peers) {
    const catalog::RegionId region = config.region;
    const auto [at, is_new] = links_.try_emplace(region);
    if (!is_new) continue;
    at->second = std::make_shared<Link>(loop_, rng_, self_, std::move(config), dial_, this);
    at->second->trusted = trusted_;
    spawn(keep(at->second));
  }
}

// Requests under way on it have the time that a shutdown gives them.
Task<void> PeerLinks::retire(std::shared_ptr<Link> link) {
  link->retired = true;
  if (link->channel) {
    co_await sleep_for(link->loop, limits::drain_timeout, &link->stop);
  }
  link->stop.request();
  link->close_replaced();
  if (link->links) std::erase(link->links->retired_, link);
}

void PeerLinks::renew(std::shared_ptr<const TlsContext> trusted) {
  trusted_ = trusted;
  for (auto& [region, link] : links_) {
    link->trusted = trusted;
    ++link->renewals;
    if (link->channel) link->channel->replace();
  }
}

std::shared_ptr<http::Channel> PeerLinks::channel(const catalog::RegionId& region) {
  const auto found = links_.find(region);
  if (found == links_.end() || !found->second->channel || !found->second->channel->usable())
    return nullptr;
  return found->second->channel;
}

Duration PeerLinks::rtt(const catalog::RegionId& region) const {
  const auto found = links_.find(region);
  return found == links_.end() || !found->second->channel ? Duration{0}
                                                          : found->second->channel->rtt();
}

void PeerLinks::on_change(std::function<void(const catalog::RegionId&, bool up)> listener) {
  listeners_.push_back(std::move(listener));
}

void PeerLinks::on_impostor(ImpostorListener listener) {
  impostor_listener_ = std::move(listener);
}

void PeerLinks::notify(const catalog::RegionId& region, Turn turn) {
  for (const auto& listener : listeners_) listener(region, turn == Turn::up);
}

Task<void> PeerLinks::keep(std::shared_ptr<Link> link) {
  const catalog::RegionId& region = link->config.region;
  Duration wait = limits::link_reconnect_min;
  bool failing = false;  // a Region that is down for an hour is one line in the log, not thousands
  while (!link->stop.requested() && !link->retired) {
    auto opened = co_await open(link);
    if (opened && link->links && !link->retired) {
      failing = false;
      const MonoTime since = link->loop.now();
      co_await use(link, *std::move(opened));
      if (link->loop.now() - since >= limits::link_reconnect_max) wait = limits::link_reconnect_min;
    } else if (!opened && !std::exchange(failing, true)) {
      log::warn("peer_link_failed", {{"peer", region.str()},
                                     {"message", opened.error().message},
                                     {"why", opened.error().why}});
      if (link->links && link->links->impostor_listener_ &&
          opened.error().code == ErrorCode::fence_refused)
        link->links->impostor_listener_(region, opened.error().message);
    }
    co_await sleep_for(link->loop, jittered(wait, link->rng), &link->stop);
    wait = std::min<Duration>(2 * wait, limits::link_reconnect_max);
  }
}

// The channel, and each that replaces it, until there is none.
Task<void> PeerLinks::use(std::shared_ptr<Link> link, std::shared_ptr<H2Channel> channel) {
  const catalog::RegionId& region = link->config.region;
  while (channel && link->links && !link->retired) {
    link->channel = channel;
    const Cancellation::Callback on_stop(&link->stop, [&] { channel->close(); });
    log::info("peer_link_up", {{"peer", region.str()}, {"host", link->config.host}});
    link->links->notify(region, Turn::up);
    co_await channel->replaceable();
    auto next = co_await successor(link, channel);
    if (next && (!link->links || link->retired)) next->close();
    link->channel.reset();  // exchanges under way hold it until they end
    link->replace(channel);
    channel = std::move(next);
  }
  if (!link->links || link->retired) co_return;
  log::warn("peer_link_down", {{"peer", region.str()}});
  link->links->notify(region, Turn::down);
}

// A channel to take over from one that is usable still; null: that one broke, or may not be used
// any more.
Task<std::shared_ptr<H2Channel>> PeerLinks::successor(std::shared_ptr<Link> link,
                                                      std::shared_ptr<H2Channel> channel) {
  Duration wait = limits::link_reconnect_min;
  while (channel->usable() && !link->stop.requested()) {
    auto opened = co_await open(link);
    if (opened) co_return *std::move(opened);
    log::warn("peer_link_not_renewed", {{"peer", link->config.region.str()},
                                        {"message", opened.error().message},
                                        {"why", opened.error().why}});
    if (!link->trusts(*channel)) break;
    co_await sleep_for(link->loop, jittered(wait, link->rng), &link->stop);
    wait = std::min<Duration>(2 * wait, limits::link_reconnect_max);
  }
  co_return nullptr;
}

Task<Result<std::shared_ptr<H2Channel>>> PeerLinks::open(std::shared_ptr<Link> link) {
  const std::uint64_t renewals = link->renewals;
  CO_TRY(auto stream, co_await link->dial(link->config, &link->stop));
  // The dialler has verified this; a channel to the wrong Region would be a hole in the fence, so
  // it is looked at twice.
  const std::string uri = stream->info().peer_uri;
  const auto identity = peer::RegionIdentity::parse(uri, link->self.operator_domain);
  if (!identity || identity->region != link->config.region) {
    stream->close();
    co_return fail(not_that_region(link->config, uri));
  }
  auto channel =
      H2Channel::start(link->loop, std::move(stream),
                       {.authority = link->config.region.str() + "." + link->self.operator_domain});
  const Cancellation::Callback on_stop(&link->stop, [&] { channel->close(); });
  co_await channel->ready();
  if (!channel->usable()) {
    co_return fail({.code = ErrorCode::peer_unavailable,
                    .origin = Origin::peer,
                    .retry = Retry::same_region,
                    .message = "The other Region closed the link before it was ready.",
                    .mend = {},
                    .why = {}});
  }
  if (link->renewals != renewals) channel->replace();  // dialled with what is old by now
  co_return channel;
}

namespace {
Task<Result<std::unique_ptr<Stream>>> dial_link(EpollLoop* loop, peer::PeerConfig config,
                                                std::shared_ptr<const TlsContext> context,
                                                Cancellation* stop) {
  CO_TRY(const Address address, Address::tcp(config.host, config.port));
  co_return co_await dial_peer(*loop, address, std::move(context), config.region,
                               limits::link_dial_timeout, stop);
}
}  // namespace

PeerLinks::Dial dial_with_tls(EpollLoop& loop,
                              std::function<std::shared_ptr<const TlsContext>()> context) {
  return [&loop, context = std::move(context)](peer::PeerConfig config, Cancellation* stop) {
    return dial_link(&loop, std::move(config), context(), stop);
  };
}

}  // namespace tidegate::net
