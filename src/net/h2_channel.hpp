// The client side of one HTTP/2 connection: many exchanges at once over a stream that is connected
// and authenticated. It never dials; who does (PeerLinks) replaces a channel that is no longer
// usable().
#pragma once

#include <list>
#include <memory>
#include <string>

#include "base/limits.hpp"
#include "http/client.hpp"
#include "net/h2_pump.hpp"

namespace tidegate::net {

class H2ClientExchange;

class H2Channel final : public http::Channel,
                        private H2Pump,
                        public std::enable_shared_from_this<H2Channel> {
 public:
  struct Options {
    std::string authority;
    std::string scheme = "https";
    http::H2Profile profile = http::H2Profile::peer_link;
    Origin origin = Origin::peer;  // of the errors: peer or backend
    Duration write_idle = limits::write_idle_timeout;
    Duration ping_interval = limits::link_ping_interval;
    Duration ping_timeout = limits::link_ping_timeout;
  };
  // It lives until the connection has ended, by itself, by close() or because the other side is
  // silent.
  static std::shared_ptr<H2Channel> start(Loop& loop, std::unique_ptr<Stream> stream,
                                          Options options);

  Task<Result<std::unique_ptr<http::ClientExchange>>> send(http::ClientRequest request,
                                                           http::ClientTimeouts timeouts,
                                                           Cancellation* cancellation) override;
  const http::ConnectionInfo& connection() const override { return stream_->info(); }
  bool usable() const override { return usable_ && !retire_by_; }

  // Round-trip time, smoothed over some eight PINGs; zero before the first.
  Duration rtt() const { return rtt_; }
  // Suspends until the other side has proved that it speaks HTTP/2 (its SETTINGS) or the channel is
  // unusable. One caller.
  Task<void> ready();
  // Suspends until usable() has become false or replace() was called. Requests that are under way
  // may still end well. One caller.
  Task<void> replaceable();
  // Asks who waits in replaceable() for another channel; this one stays usable until it is retired.
  void replace();
  // Another channel has taken over: this one ends when what is under way has, or after `patience`.
  void retire(Duration patience);
  // Whether the other side's certificate would be accepted under `context`, too.
  bool trusted_by(const TlsContext& context) const { return stream_->trusted_by(context); }
  // What is under way breaks.
  void close() { hang_up(); }

 private:
  friend class H2ClientExchange;
  struct Waiter {
    explicit Waiter(Loop& loop) : event(loop) {}
    Event event;
  };

  H2Channel(Loop& loop, std::unique_ptr<Stream> stream, Options options);
  static Task<void> live(std::shared_ptr<H2Channel> self);
  Task<Result<void>> wait_for_stream(Duration patience, Cancellation* cancellation);
  bool has_room() const { return exchanges_.size() < session_.peer_streams_max(); }
  void wake_waiter();
  Error error(Retry retry, std::string message, std::string why = {}) const;

  void on_stream(http::H2Stream& stream) override;
  void on_received() override;
  void on_tick(MonoTime now) override;
  void look_at_state();

  Options options_;
  bool usable_ = true;
  bool ended_ = false;
  bool replace_ = false;
  std::optional<MonoTime> retire_by_;
  Event ready_, replaceable_;
  std::list<H2ClientExchange*> exchanges_;
  std::list<Waiter*> waiters_;
  Duration rtt_{0};
  std::uint64_t pings_ = 0;
  std::optional<MonoTime> pinged_at_;  // until its PONG
  MonoTime next_ping_;
};

// One request on a channel; in h2_channel.cpp what makes it, in h2_client_exchange.cpp what it
// does.
class H2ClientExchange final : public http::ClientExchange {
 public:
  H2ClientExchange(std::shared_ptr<H2Channel> channel, http::H2Stream& stream,
                   http::ClientTimeouts timeouts, Cancellation* cancellation);
  ~H2ClientExchange() override;

  Task<Result<http::ResponseHead>> head() override;
  Task<Result<std::string>> next_body() override;

  void changed() { changed_.set(); }
  void check_deadline(MonoTime now);

 private:
  // What stops this exchange now, if anything does.
  std::optional<Error> trouble() const;
  void extend(Duration by);

  std::shared_ptr<H2Channel> channel_;
  http::H2Stream& stream_;
  http::ClientTimeouts timeouts_;
  Cancellation* cancellation_;
  Event changed_;
  Cancellation::Callback on_cancel_;
  std::list<H2ClientExchange*>::iterator where_;
  std::optional<MonoTime> deadline_;
  bool late_ = false;
};

}  // namespace tidegate::net
