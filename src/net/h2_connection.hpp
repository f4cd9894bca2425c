// The server side of one HTTP/2 connection: every stream becomes an exchange that a handler serves
// in a task of its own.
#pragma once

#include <vector>

#include "net/connection.hpp"
#include "net/h2_pump.hpp"

namespace tidegate::net {

class H2Connection;

class H2Exchange final : public http::Exchange {
 public:
  H2Exchange(H2Connection& connection, http::H2Stream& stream);
  ~H2Exchange() override;

  const http::RequestHead& head() const override { return stream_.request; }
  const http::ConnectionInfo& connection() const override;
  Task<Result<std::string>> next_body() override;
  Task<Result<void>> begin(http::ResponseHead head) override;
  Task<Result<void>> write(std::string bytes) override;
  Task<Result<void>> finish(std::string last) override;
  bool begun() const override { return begun_; }
  Cancellation& cancellation() override { return cancellation_; }
  void abort() override;

  // The stream has news.
  void changed();
  void check_body(MonoTime now, Duration idle_max);

 private:
  bool lost() const { return stream_.closed || aborted_; }
  bool body_too_large() const;

  H2Connection& connection_;
  http::H2Stream& stream_;
  Cancellation cancellation_;
  Event readable_, writable_;
  std::optional<MonoTime> reading_since_;
  Duration waited_{};  // for the body
  bool begun_ = false;
  bool finished_ = false;
  bool aborted_ = false;
  bool body_late_ = false;
};

class H2Connection final : private H2Pump {
 public:
  H2Connection(std::unique_ptr<Stream> stream, http::Handler& handler, Loop& loop,
               const ConnectionOptions& options);
  // Until the connection and its last exchange have ended.
  Task<void> serve(std::string already_read);

 private:
  friend class H2Exchange;

  void on_stream(http::H2Stream& stream) override;
  void on_received() override;
  void on_tick(MonoTime now) override;

  Task<void> serve_stream(http::H2Stream& stream);
  Task<void> run_handler(H2Exchange& exchange);
  void answer_malformed(http::H2Stream& stream);
  void start_drain();
  void check_silence(MonoTime now);

  http::Handler& handler_;
  const ConnectionOptions& options_;
  std::vector<H2Exchange*> exchanges_;
  Event all_served_;
  std::size_t running_ = 0;
  std::size_t requests_ = 0, requests_seen_ = 0;
  MonoTime started_, idle_since_;
  std::optional<MonoTime> headers_open_since_, draining_since_;
  bool shut_down_ = false;
};

}  // namespace tidegate::net
