// HTTP in memory: a client whose requests are served by a Handler on the same loop, without sockets
// or bytes on a wire. Tests and simulations run whole Regions over it; latency and breakage are
// theirs to set.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>

#include "http/client.hpp"

namespace tidegate::http {

// One request on its way: both ends hold it.
struct MemoryPipe {
  MemoryPipe(Loop& loop, Duration delay)
      : loop(loop), delay(delay), head_ready(loop), data_ready(loop), room(loop) {}
  Loop& loop;
  Duration delay;  // one way
  // client -> server
  RequestHead request;
  std::string body;
  bool body_taken = false;
  ConnectionInfo connection;
  Cancellation server_cancellation;
  // server -> client
  Event head_ready, data_ready, room;
  std::optional<ResponseHead> response;
  std::deque<std::string> data;
  std::size_t buffered = 0;
  bool begun = false, ended = false;  // by the server
  bool finished = false,              // as the client sees it
      broken = false, client_gone = false;

  void break_both();  // the connection is cut
};

class MemoryExchange final : public Exchange {
 public:
  explicit MemoryExchange(std::shared_ptr<MemoryPipe> pipe) : pipe_(std::move(pipe)) {}
  const RequestHead& head() const override { return pipe_->request; }
  const ConnectionInfo& connection() const override { return pipe_->connection; }
  Task<Result<std::string>> next_body() override;
  Task<Result<void>> begin(ResponseHead head) override;
  Task<Result<void>> write(std::string bytes) override;
  Task<Result<void>> finish(std::string last) override;
  bool begun() const override { return pipe_->begun; }
  Cancellation& cancellation() override { return pipe_->server_cancellation; }
  void abort() override { pipe_->break_both(); }

 private:
  std::shared_ptr<MemoryPipe> pipe_;
};

class MemoryChannel final : public Channel {
 public:
  // `server_view` is what the handler sees of the connection, `client_view` what the caller does.
  MemoryChannel(Loop& loop, Handler& handler, ConnectionInfo server_view,
                ConnectionInfo client_view, Duration delay)
      : loop_(loop),
        handler_(handler),
        server_view_(std::move(server_view)),
        client_view_(std::move(client_view)),
        delay_(delay) {}
  ~MemoryChannel() override { break_all(); }
  Task<Result<std::unique_ptr<ClientExchange>>> send(ClientRequest request, ClientTimeouts timeouts,
                                                     Cancellation* cancellation) override;
  const ConnectionInfo& connection() const override { return client_view_; }
  bool usable() const override { return usable_; }
  // Every exchange breaks, and no new one can begin: the other side was killed.
  void break_all();
  // Of a request: whether it fails at once, as on a link whose streams are all taken.
  std::function<bool(const ClientRequest&)> refuses;

 private:
  Loop& loop_;
  Handler& handler_;
  ConnectionInfo server_view_, client_view_;
  Duration delay_;
  std::list<std::weak_ptr<MemoryPipe>> pipes_;
  bool usable_ = true;
};

}  // namespace tidegate::http
