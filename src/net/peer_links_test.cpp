// Links that come up, break and come back, in virtual time; the other Regions are handlers in the
// same thread.
#include "net/peer_links.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/limits.hpp"
#include "base/virtual_loop.hpp"
#include "net/connection.hpp"
#include "net/memory_stream.hpp"

namespace tidegate::net {
namespace {

const catalog::RegionId milan("eu-south-1"), frankfurt("eu-central-1"), dublin("eu-west-1");

class Hello final : public http::Handler {
 public:
  Task<void> serve(http::Exchange& exchange) override {
    authority = exchange.head().authority;
    if (patience > Duration{0} &&
        co_await sleep_for(loop_, patience, &exchange.cancellation()) == Wake::cancelled) {
      ++abandoned;
      exchange.abort();
      co_return;
    }
    (void)co_await exchange.begin({200, {}});
    (void)co_await exchange.finish("hello");
  }
  explicit Hello(Loop& loop) : loop_(loop) {}
  std::string authority;
  Duration patience{0};  // before it answers
  int abandoned = 0;

 private:
  Loop& loop_;
};

class PeerLinksTest : public testing::Test {
 protected:
  PeerLinksTest() {
    options.h2_profile = http::H2Profile::peer_link;
    links.emplace(
        loop, rng, peer::RegionIdentity{milan, "tidegate.internal", "1"},
        [this](peer::PeerConfig config, Cancellation*) { return dial(this, std::move(config)); });
    links->on_change([this](const catalog::RegionId& region, bool up) {
      changes.push_back(region.str() + (up ? " up" : " down"));
    });
  }
  ~PeerLinksTest() override {
    links.reset();
    loop.run_for(60s);
  }

  static Task<Result<std::unique_ptr<Stream>>> dial(PeerLinksTest* self, peer::PeerConfig config) {
    self->dials.push_back(self->loop.now());
    co_await sleep_for(self->loop, 5ms);
    if (self->down.contains(config.region))
      co_return fail(ErrorCode::peer_unavailable, "nobody answers");
    const std::string uri = self->wrong_identity
                                ? std::string("spiffe://eu-west-2.tidegate.internal/gw/1")
                                : "spiffe://" + config.region.str() + ".tidegate.internal/gw/1";
    http::ConnectionInfo info;
    info.peer_uri = uri;
    auto [here, there] = MemoryStream::make_pair(self->loop, {.latency = 4ms}, info, {});
    self->ends[config.region.str()] = there.get();
    spawn(serve_h2(std::move(there), {}, self->handler, self->loop, self->options));
    co_return std::move(here);
  }

  const std::vector<peer::PeerConfig> both{{frankfurt, "192.0.2.1", 7443, ""},
                                           {dublin, "192.0.2.2", 7443, ""}};
  VirtualLoop loop;
  SeededRng rng{1};
  Hello handler{loop};
  ConnectionOptions options;
  Cancellation drain;
  std::set<catalog::RegionId> down;
  bool wrong_identity = false;
  std::vector<MonoTime> dials;
  std::map<std::string, MemoryStream*> ends;
  std::vector<std::string> changes;
  std::optional<PeerLinks> links;
};

TEST_F(PeerLinksTest, ComeUpMeasureAndCarryRequests) {
  links->dial(both);
  EXPECT_EQ(links->channel(frankfurt), nullptr);
  loop.run_for(3s);
  EXPECT_EQ(changes, (std::vector<std::string>{"eu-central-1 up", "eu-west-1 up"}));
  ASSERT_NE(links->channel(frankfurt), nullptr);
  EXPECT_EQ(links->channel(frankfurt)->connection().peer_uri,
            "spiffe://eu-central-1.tidegate.internal/gw/1");
  EXPECT_EQ(links->rtt(frankfurt), 8ms);
  EXPECT_EQ(links->rtt(catalog::RegionId("us-east-1")), Duration{0});
  EXPECT_EQ(links->channel(catalog::RegionId("us-east-1")), nullptr);

  std::string body;
  spawn([](std::shared_ptr<http::Channel> channel, std::string* into) -> Task<void> {
    auto exchange = co_await channel->send({"GET", "/", {}, {}}, {1s, 1s, 1s}, nullptr);
    (void)co_await (*exchange)->head();
    *into = *co_await (*exchange)->next_body();
  }(links->channel(frankfurt), &body));
  loop.run_for(1s);
  EXPECT_EQ(body, "hello");
  EXPECT_EQ(handler.authority, "eu-central-1.tidegate.internal");
}

// Another catalogue: a link is not wanted any more, another one is.
TEST_F(PeerLinksTest, DialsWhatItIsToldAndEndsTheRest) {
  links->dial({both[0]});
  loop.run_for(1s);
  ASSERT_NE(links->channel(frankfurt), nullptr);
  EXPECT_EQ(links->channel(dublin), nullptr);
  const auto under_way = links->channel(frankfurt);
  links->dial({both[1]});
  EXPECT_EQ(links->channel(frankfurt), nullptr);
  EXPECT_TRUE(under_way->usable());  // what is under way on it may end
  loop.run_for(1s);
  EXPECT_NE(links->channel(dublin), nullptr);
  loop.run_for(limits::drain_timeout);
  EXPECT_FALSE(under_way->usable());
  const std::size_t dialled = dials.size();
  loop.run_for(60s);
  EXPECT_EQ(dials.size(), dialled);  // and is not dialled again
  links->dial(both);
  loop.run_for(1s);
  EXPECT_NE(links->channel(frankfurt), nullptr);
}

TEST_F(PeerLinksTest, ABrokenLinkComesBack) {
  links->dial(both);
  loop.run_for(1s);
  changes.clear();
  ends["eu-west-1"]->close();
  loop.run_for(20ms);
  EXPECT_EQ(changes, (std::vector<std::string>{"eu-west-1 down"}));
  EXPECT_EQ(links->channel(dublin), nullptr);
  EXPECT_NE(links->channel(frankfurt), nullptr);
  loop.run_for(1s);
  EXPECT_EQ(changes.back(), "eu-west-1 up");
  EXPECT_NE(links->channel(dublin), nullptr);
}

TEST_F(PeerLinksTest, DialsADeadRegionLessAndLessOften) {
  down = {frankfurt, dublin};
  links->dial(both);
  loop.run_for(60s);
  EXPECT_GT(dials.size() / 2, 12u);  // at least every five seconds
  EXPECT_LT(dials.size() / 2, 40u);
  EXPECT_TRUE(changes.empty());
  down.clear();
  loop.run_for(limits::link_reconnect_max + 1s);
  EXPECT_EQ(changes.size(), 2u);
}

TEST_F(PeerLinksTest, NoChannelToAnotherRegionThanAsked) {
  wrong_identity = true;
  links->dial(both);
  loop.run_for(10s);
  EXPECT_EQ(links->channel(frankfurt), nullptr);
  EXPECT_TRUE(changes.empty());
}

Task<void> ask(std::shared_ptr<http::Channel> channel, std::string* into) {
  auto exchange = co_await channel->send({"GET", "/", {}, {}}, {1s, 60s, 60s}, nullptr);
  if (!exchange || !co_await (*exchange)->head()) co_return;
  for (;;) {
    auto piece = co_await (*exchange)->next_body();
    if (!piece || piece->empty()) co_return;
    *into += *piece;
  }
}

TEST_F(PeerLinksTest, RenewalIsMakeBeforeBreak) {
  links->dial(both);
  loop.run_for(1s);
  changes.clear();
  const auto old = links->channel(frankfurt);
  handler.patience = 20s;
  std::string body;
  spawn(ask(old, &body));
  loop.run_for(100ms);

  links->renew(nullptr);
  EXPECT_EQ(links->channel(frankfurt), old) << "until the new one is up";
  loop.run_for(1s);
  const auto next = links->channel(frankfurt);
  ASSERT_NE(next, nullptr);
  EXPECT_NE(next, old);
  EXPECT_FALSE(old->usable());
  std::ranges::sort(changes);
  EXPECT_EQ(changes, (std::vector<std::string>{"eu-central-1 up", "eu-west-1 up"}))
      << "no link was down";
  EXPECT_EQ(body, "");
  loop.run_for(20s);
  EXPECT_EQ(body, "hello") << "what was under way has ended well on the old link";
  EXPECT_EQ(handler.abandoned, 0);
}

TEST_F(PeerLinksTest, ALinkThatCannotBeRenewedIsKept) {
  links->dial(both);
  loop.run_for(1s);
  changes.clear();
  const auto old = links->channel(frankfurt);
  down = {frankfurt, dublin};
  links->renew(nullptr);
  loop.run_for(20s);
  EXPECT_EQ(links->channel(frankfurt), old);
  EXPECT_TRUE(old->usable());
  down.clear();
  loop.run_for(limits::link_reconnect_max + 1s);
  EXPECT_NE(links->channel(frankfurt), old);
  std::ranges::sort(changes);  // who comes first is chance
  EXPECT_EQ(changes, (std::vector<std::string>{"eu-central-1 up", "eu-west-1 up"}));
}

TEST_F(PeerLinksTest, ManyRenewalsKeepABoundedNumberOfOldLinks) {
  links->dial(both);
  loop.run_for(1s);
  handler.patience = 600s;
  std::vector<std::string> bodies(limits::links_retired_max + 4);
  for (std::string& body : bodies) {
    spawn(ask(links->channel(frankfurt), &body));
    loop.run_for(100ms);
    links->renew(nullptr);
    loop.run_for(1s);
  }
  EXPECT_EQ(handler.abandoned, 4) << "the oldest were cut";
}

TEST_F(PeerLinksTest, ADrainingRegionIsLeftBeforeItGoes) {
  options.drain = &drain;
  links->dial(both);
  loop.run_for(1s);
  changes.clear();
  drain.request();
  loop.run_for(100ms);
  EXPECT_EQ(changes.size(), 2u);
  EXPECT_EQ(links->channel(frankfurt), nullptr);
  options.drain = nullptr;
  loop.run_for(1s);
  EXPECT_EQ(changes.size(), 4u);
}

}  // namespace
}  // namespace tidegate::net
