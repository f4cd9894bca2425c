// Two ends of a connection in memory, on one loop: what a socket pair would be, in real or virtual
// time. Each direction holds a bounded number of bytes, so that a writer feels a reader that does
// not read, and may have a latency.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "net/stream.hpp"

namespace tidegate::net {

class MemoryStream final : public Stream {
 public:
  struct Options {
    std::size_t buffer_bytes = 64 * 1024;
    Duration latency{0};  // one way
  };
  using Pair = std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>>;

  static Pair make_pair(Loop& loop, Options options, http::ConnectionInfo first_info = {},
                        http::ConnectionInfo second_info = {}) {
    auto up = std::make_shared<Direction>(loop, options),
         down = std::make_shared<Direction>(loop, options);
    return {std::unique_ptr<MemoryStream>(new MemoryStream(down, up, std::move(first_info))),
            std::unique_ptr<MemoryStream>(new MemoryStream(up, down, std::move(second_info)))};
  }
  ~MemoryStream() override { close(); }

  Task<Result<std::size_t>> read(std::span<char> into) override {
    auto in = in_;  // close() and even destruction may come while this waits
    for (;;) {
      if (in->reader_closed) co_return closed();
      if (in->arrived > 0) break;
      if (in->ended) co_return std::size_t{0};
      co_await in->readable.wait();
    }
    const std::size_t size = std::min(into.size(), in->arrived);
    std::copy_n(in->bytes.data(), size, into.data());
    in->bytes.erase(0, size);
    in->arrived -= size;
    in->writable.set();
    co_return size;
  }

  Task<Result<void>> write(std::string_view first, std::string_view second = {}) override {
    auto out = out_;
    ++writes_;
    std::string bytes = std::string(first).append(second);
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      if (out->writer_closed || out->reader_closed) co_return closed();
      const std::size_t room =
          out->options.buffer_bytes - std::min(out->options.buffer_bytes, out->bytes.size());
      if (room == 0) {
        co_await out->writable.wait();
        continue;
      }
      const std::size_t size = std::min(room, bytes.size() - sent);
      out->bytes.append(bytes, sent, size);
      sent += size;
      Direction::after_latency(out, [out, size] { out->arrived += size; });
    }
    co_return Result<void>{};
  }

  void shutdown_write() override { finish(); }
  void close() override {
    finish();
    in_->reader_closed = true;
    in_->readable.set();
    in_->writable.set();
  }
  const http::ConnectionInfo& info() const override { return info_; }
  std::string_view alpn() const override { return "h2"; }
  // Calls of write(), for tests that count sends.
  std::size_t writes() const { return writes_; }

 private:
  struct Direction {
    Direction(Loop& on, Options how) : loop(on), options(how), readable(on), writable(on) {}
    Loop& loop;
    Options options;
    std::string bytes;        // written and not read
    std::size_t arrived = 0;  // of them, the ones that the reader can see
    bool writer_closed = false, ended = false, reader_closed = false;
    Event readable, writable;

    template <class Work>
    static void after_latency(const std::shared_ptr<Direction>& self, Work work) {
      auto arrive = [self, work = std::move(work)]() mutable {
        work();
        self->readable.set();
      };
      if (self->options.latency == Duration{0}) {
        arrive();
      } else {
        self->loop.call_at(self->loop.now() + self->options.latency, std::move(arrive));
      }
    }
  };

  MemoryStream(std::shared_ptr<Direction> in, std::shared_ptr<Direction> out,
               http::ConnectionInfo info)
      : in_(std::move(in)), out_(std::move(out)), info_(std::move(info)) {}

  void finish() {
    if (std::exchange(out_->writer_closed, true)) return;
    out_->writable.set();
    Direction::after_latency(out_, [out = out_] { out->ended = true; });
  }
  static std::unexpected<Error> closed() {
    return fail(ErrorCode::cancelled, "The connection is closed.");
  }

  std::shared_ptr<Direction> in_, out_;
  http::ConnectionInfo info_;
  std::size_t writes_ = 0;
};

}  // namespace tidegate::net
