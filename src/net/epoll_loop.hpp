// The event loop of one thread, on epoll. It is our own, and small, because of what a request may
// cost: a descriptor is registered once, edge-triggered, so an exchange needs one receive and one
// send a side, no EAGAIN to find out that nothing is there, no epoll_ctl and no timer call (the
// nearest deadline is epoll_wait's time-out).
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "base/descriptor.hpp"
#include "base/loop.hpp"
#include "net/timer_heap.hpp"

namespace tidegate::net {

class EpollLoop final : public Loop {
 public:
  struct Readiness {
    bool readable, writable;
    bool hang_up;  // the other side has ended its half, or the connection broke
  };
  // Hears of a descriptor's readiness. It may only take note and call resume_soon(): nothing runs
  // inside the dispatch.
  class Watcher {
   public:
    virtual void on_ready(Readiness now) = 0;

   protected:
    ~Watcher() = default;
  };

  // What one turn does happens at one moment: the clocks are asked once a turn, not two dozen times
  // a request. Only for the loop's thread.
  class TurnClock final : public Clock {
   public:
    MonoTime mono() const override { return mono_; }
    WallTime wall() const override {
      if (!wall_) wall_ = system_.wall();
      return *wall_;
    }
    void refresh() {
      mono_ = system_.mono();
      wall_.reset();
    }

   private:
    SystemClock system_;
    MonoTime mono_ = system_.mono();
    mutable std::optional<WallTime> wall_;  // of this turn, once somebody has asked
  };

  EpollLoop();
  EpollLoop(const EpollLoop&) = delete;
  EpollLoop& operator=(const EpollLoop&) = delete;

  Clock& clock() override { return clock_; }
  void post(std::move_only_function<void()> work) override;
  void resume_soon(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
  TimerId call_at(MonoTime when, std::move_only_function<void()> work) override {
    return timers_.add(when, std::move(work));
  }
  void cancel(TimerId timer) override { timers_.cancel(timer); }
  bool others_ready() const override { return !ready_.empty(); }

  // Until stop(). One thread, once at a time.
  void run();
  // From any thread. What is ready still runs; what waits stays suspended.
  void stop();

  // Edges of `fd` go to `watcher` until unwatch(), which must come before the close: a child that
  // is being spawned may still hold a copy of the descriptor, and the kernel would go on reporting
  // it. False: the kernel refused (errno).
  bool watch(int fd, Watcher* watcher);
  void unwatch(int fd);

 private:
  void wait();
  void run_posted();
  void run_timers();
  void run_ready();

  TurnClock clock_;
  Descriptor epoll_, wake_;
  std::deque<std::coroutine_handle<>> ready_;
  TimerHeap timers_;
  bool stopped_ = false;

  std::mutex mutex_;  // posted_ and signalled_
  std::vector<std::move_only_function<void()>> posted_;
  bool signalled_ = false;
};

// For tests and tools: runs `task` on a loop of this thread until it ends.
void run_to_end(EpollLoop& loop, Task<void> task);

}  // namespace tidegate::net
