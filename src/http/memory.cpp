#include "http/memory.hpp"

#include "base/limits.hpp"

namespace tidegate::http {
namespace {

Error gone() {
  return {.code = ErrorCode::cancelled,
          .origin = Origin::client,
          .message = "the connection is closed",
          .mend = {},
          .why = {}};
}
Error broken() {
  return {.code = ErrorCode::peer_unavailable,
          .origin = Origin::peer,
          .retry = Retry::other_region,
          .message = "the connection broke",
          .mend = {},
          .why = {}};
}

class MemoryClientExchange final : public ClientExchange {
 public:
  MemoryClientExchange(std::shared_ptr<MemoryPipe> pipe, ClientTimeouts timeouts,
                       Cancellation* cancellation)
      : pipe_(std::move(pipe)),
        timeouts_(timeouts),
        cancellation_(cancellation),
        on_cancel_(cancellation, [pipe = pipe_.get()] {
          pipe->client_gone = true;
          pipe->server_cancellation.request();
        }) {}
  ~MemoryClientExchange() override {
    if (pipe_->finished && pipe_->data.empty()) return;
    pipe_->client_gone = true;
    // Later, not here: a destructor may run inside the server's own call chain.
    pipe_->loop.post([pipe = pipe_] {
      pipe->server_cancellation.request();
      pipe->room.set();
    });
  }

  Task<Result<ResponseHead>> head() override {
    while (!pipe_->response) {
      if (pipe_->broken) co_return fail(broken());
      CO_TRY_VOID(co_await wait(pipe_->head_ready, timeouts_.first_byte));
    }
    co_return *pipe_->response;
  }
  Task<Result<std::string>> next_body() override {
    while (pipe_->data.empty()) {
      if (pipe_->finished) co_return std::string();
      if (pipe_->broken) co_return fail(broken());
      CO_TRY_VOID(co_await wait(pipe_->data_ready, timeouts_.idle));
    }
    std::string piece = std::move(pipe_->data.front());
    pipe_->data.pop_front();
    pipe_->buffered -= piece.size();
    pipe_->room.set();
    co_return piece;
  }

 private:
  Task<Result<void>> wait(Event& event, Duration limit) {
    switch (co_await event.wait_until(pipe_->loop.now() + limit, cancellation_)) {
      case Wake::signalled:
        co_return Result<void>{};
      case Wake::cancelled:
        co_return fail(gone());
      case Wake::timed_out:
        break;
    }
    Error error = broken();
    error.message = "no answer in time";
    co_return fail(std::move(error));
  }
  std::shared_ptr<MemoryPipe> pipe_;
  ClientTimeouts timeouts_;
  Cancellation* cancellation_;
  Cancellation::Callback on_cancel_;
};

Task<void> serve_later(std::shared_ptr<MemoryPipe> pipe, Handler* handler) {
  MemoryExchange exchange(pipe);
  co_await sleep_for(pipe->loop, pipe->delay);
  if (!pipe->broken) co_await handler->serve(exchange);
  if (!pipe->ended) pipe->break_both();
}

}  // namespace

void MemoryPipe::break_both() {
  if (finished && !broken) return;
  broken = true;
  server_cancellation.request();
  head_ready.set();
  data_ready.set();
  room.set();
}

Task<Result<std::string>> MemoryExchange::next_body() {
  if (pipe_->broken || pipe_->client_gone) co_return fail(gone());
  co_return std::exchange(pipe_->body_taken, true) ? std::string() : std::move(pipe_->body);
}

Task<Result<void>> MemoryExchange::begin(ResponseHead head) {
  if (pipe_->broken || pipe_->client_gone) co_return fail(gone());
  pipe_->begun = true;
  pipe_->response = std::move(head);
  co_return Result<void>{};
}

Task<Result<void>> MemoryExchange::write(std::string bytes) {
  if (pipe_->broken || pipe_->client_gone) co_return fail(gone());
  pipe_->buffered += bytes.size();
  // The bytes arrive after the one-way delay; order is kept, because timers fire in order.
  pipe_->loop.call_at(pipe_->loop.now() + pipe_->delay,
                      [pipe = pipe_, bytes = std::move(bytes)]() mutable {
                        if (pipe->broken) return;
                        pipe->data.push_back(std::move(bytes));
                        pipe->head_ready.set();
                        pipe->data_ready.set();
                      });
  while (pipe_->buffered > limits::write_high_bytes && !pipe_->broken && !pipe_->client_gone)
    co_await pipe_->room.wait();
  co_return Result<void>{};
}

Task<Result<void>> MemoryExchange::finish(std::string last) {
  if (pipe_->broken || pipe_->client_gone) co_return fail(gone());
  pipe_->ended = true;
  pipe_->loop.call_at(pipe_->loop.now() + pipe_->delay,
                      [pipe = pipe_, last = std::move(last)]() mutable {
                        if (pipe->broken) return;
                        if (!last.empty()) pipe->data.push_back(std::move(last));
                        pipe->finished = true;
                        pipe->head_ready.set();
                        pipe->data_ready.set();
                      });
  co_return Result<void>{};
}

Task<Result<std::unique_ptr<ClientExchange>>> MemoryChannel::send(ClientRequest request,
                                                                  ClientTimeouts timeouts,
                                                                  Cancellation* cancellation) {
  if (!usable_ || (refuses && refuses(request))) {
    Error error = broken();
    error.retry = Retry::same_region;
    co_return fail(std::move(error));
  }
  auto pipe = std::make_shared<MemoryPipe>(loop_, delay_);
  pipe->request.method = std::move(request.method);
  pipe->request.target = std::move(request.target);
  pipe->request.headers = std::move(request.headers);
  pipe->request.authority = "memory";
  pipe->body = request.front;
  pipe->body += request.body;
  pipe->connection = server_view_;
  std::erase_if(pipes_, [](const auto& p) { return p.expired(); });
  pipes_.push_back(pipe);
  auto exchange = std::make_unique<MemoryClientExchange>(pipe, timeouts, cancellation);
  spawn(serve_later(pipe, &handler_));
  co_return std::unique_ptr<ClientExchange>(std::move(exchange));
}

void MemoryChannel::break_all() {
  usable_ = false;
  for (const auto& weak : pipes_) {
    if (auto pipe = weak.lock()) pipe->break_both();
  }
  pipes_.clear();
}

}  // namespace tidegate::http
