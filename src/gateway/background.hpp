// Work that reads files or a database must not run on a worker's loop. Background is where it runs;
// offload() brings its result back.
#pragma once

#include <functional>

#include "base/loop.hpp"

namespace tidegate::gateway {

class Background {
 public:
  virtual ~Background() = default;
  virtual void run(
      std::move_only_function<void()> work) = 0;  // thread-safe; on some other thread, in order
};

// Runs at once, on the caller's thread: for tests and simulations.
class InlineBackground final : public Background {
 public:
  void run(std::move_only_function<void()> work) override { work(); }
};

template <class Work>
Task<std::invoke_result_t<Work>> offload(Loop& loop, Background& background, Work work) {
  std::optional<std::invoke_result_t<Work>> result;
  Event done(loop);
  background.run([&] {
    result.emplace(work());
    loop.post([&] { done.set(); });
  });
  co_await done.wait();
  co_return *std::move(result);
}

}  // namespace tidegate::gateway
