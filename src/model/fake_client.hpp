// Test only: a client that plays scripts, one a request, and an exchange that remembers what was
// written to it.
#pragma once

#include <deque>
#include <vector>

#include "base/virtual_loop.hpp"
#include "http/client.hpp"

namespace tidegate::model {

// One answer of a model server: after `delay`, an error instead of a head, or a head and pieces of
// a body. A piece may be an error too; without one the body ends properly.
struct Script {
  Duration delay{};
  std::optional<Error> head_error{};
  int status = 200;
  std::vector<Result<std::string>> pieces{};
  Duration between{};  // before each piece
};

inline Error broken_connection(Retry retry = Retry::other_region) {
  return {.code = ErrorCode::model_unavailable,
          .origin = Origin::backend,
          .retry = retry,
          .message = "the connection broke",
          .mend = {},
          .why = {}};
}

class ScriptedClient final : public http::Client {
 public:
  struct Asked {
    http::ClientRequest request;
    std::string body;
    http::ClientTimeouts timeouts;
  };

  explicit ScriptedClient(Loop& loop) : loop_(loop) {}
  void play(Script script) { scripts_.push_back(std::move(script)); }
  const std::vector<Asked>& asked() const { return asked_; }
  int aborted() const { return aborted_; }

  Task<Result<std::unique_ptr<http::ClientExchange>>> send(http::ClientRequest request,
                                                           http::ClientTimeouts timeouts,
                                                           Cancellation* cancellation) override {
    std::string body(request.body);
    asked_.push_back({std::move(request), std::move(body), timeouts});
    if (scripts_.empty()) co_return fail(broken_connection());
    Script script = std::move(scripts_.front());
    scripts_.pop_front();
    co_return std::unique_ptr<http::ClientExchange>(
        std::make_unique<Playing>(*this, std::move(script), cancellation));
  }

 private:
  class Playing final : public http::ClientExchange {
   public:
    Playing(ScriptedClient& client, Script script, Cancellation* cancellation)
        : client_(client), script_(std::move(script)), cancellation_(cancellation) {}
    ~Playing() override { client_.aborted_ += ended_ ? 0 : 1; }
    Task<Result<http::ResponseHead>> head() override {
      CO_TRY_VOID(co_await wait(script_.delay));
      if (script_.head_error) {
        ended_ = true;
        co_return fail(*script_.head_error);
      }
      co_return http::ResponseHead{script_.status, {}};
    }
    Task<Result<std::string>> next_body() override {
      if (at_ < script_.pieces.size()) {
        CO_TRY_VOID(co_await wait(script_.between));
        co_return script_.pieces[at_++];
      }
      ended_ = true;
      co_return std::string();
    }

   private:
    Task<Result<void>> wait(Duration duration) {
      if (duration > Duration::zero()) co_await sleep_for(client_.loop_, duration, cancellation_);
      if (cancellation_ && cancellation_->requested()) {
        co_return fail(ErrorCode::cancelled, "the client has gone");
      }
      co_return Result<void>{};
    }
    ScriptedClient& client_;
    Script script_;
    Cancellation* cancellation_;
    std::size_t at_ = 0;
    bool ended_ = false;
  };

  Loop& loop_;
  std::deque<Script> scripts_;
  std::vector<Asked> asked_;
  int aborted_ = 0;
};

class RecordingExchange final : public http::Exchange {
 public:
  const http::RequestHead& head() const override { return request_; }
  const http::ConnectionInfo& connection() const override { return connection_; }
  Task<Result<std::string>> next_body() override { co_return std::string(); }
  Task<Result<void>> begin(http::ResponseHead head) override {
    begun_ = true;
    answer = std::move(head);
    co_return Result<void>{};
  }
  Task<Result<void>> write(std::string bytes) override {
    if (cancellation_.requested()) co_return fail(ErrorCode::cancelled, "the client has gone");
    writes.push_back(std::move(bytes));
    co_return Result<void>{};
  }
  Task<Result<void>> finish(std::string) override { co_return Result<void>{}; }
  bool begun() const override { return begun_; }
  Cancellation& cancellation() override { return cancellation_; }
  void abort() override {}

  http::ResponseHead answer;
  std::vector<std::string> writes;

 private:
  http::RequestHead request_;
  http::ConnectionInfo connection_;
  Cancellation cancellation_;
  bool begun_ = false;
};

}  // namespace tidegate::model
