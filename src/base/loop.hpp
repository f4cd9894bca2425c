// Loop: the event loop of one worker, as a port. Everything of a worker runs on its loop's thread;
// only post() may be called from elsewhere. net/ implements it on sockets and real time,
// base/virtual_loop.hpp in virtual time.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <list>
#include <utility>

#include "base/task.hpp"
#include "base/time.hpp"

namespace tidegate {

using TimerId = std::uint64_t;  // 0 is no timer

class Loop {
 public:
  virtual ~Loop() = default;
  virtual Clock& clock() = 0;
  // From any thread: run `work` on the loop's thread, later.
  virtual void post(std::move_only_function<void()> work) = 0;
  // From the loop's thread: resume `handle` later, never inside this call.
  virtual void resume_soon(std::coroutine_handle<> handle) = 0;
  // From the loop's thread: run `work` once, at `when` or a little later.
  virtual TimerId call_at(MonoTime when, std::move_only_function<void()> work) = 0;
  virtual void cancel(TimerId timer) = 0;
  virtual bool others_ready() const = 0;  // something waits for its turn
  MonoTime now() { return clock().mono(); }

  // The end of a step: whatever is ready goes first, so that many requests take the same step in a
  // row and find its code in the processor's cache (ADR 0007).
  struct StepEnd {
    Loop& loop;
    bool await_ready() const { return !loop.others_ready(); }
    void await_suspend(std::coroutine_handle<> handle) { loop.resume_soon(handle); }
    void await_resume() const noexcept {}
  };
  StepEnd step_end() { return {*this}; }
};

// A request that work stop: the client has gone, or a deadline has passed. Belongs to one loop's
// thread.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  bool requested() const { return requested_; }
  // Runs the callbacks that are registered now, once. They must not destroy this object.
  void request() {
    if (std::exchange(requested_, true)) return;
    auto callbacks = std::move(callbacks_);
    callbacks_.clear();
    for (auto* callback : callbacks) {
      if (callback) callback->run();
    }
  }

  // While it lives, `work` runs if cancellation is requested (at once if it already was).
  class Callback {
   public:
    Callback(Cancellation* cancellation, std::move_only_function<void()> work)
        : cancellation_(cancellation), work_(std::move(work)) {
      if (!cancellation_) return;
      if (cancellation_->requested_) {
        work_();
      } else {
        where_ = cancellation_->callbacks_.insert(cancellation_->callbacks_.end(), this);
        listed_ = true;
      }
    }
    Callback(const Callback&) = delete;
    Callback& operator=(const Callback&) = delete;
    ~Callback() {
      if (!listed_) return;
      // While request() walks the moved list, the iterator still points into it: blank it instead
      // of erasing.
      if (cancellation_->requested_) {
        *where_ = nullptr;
      } else {
        cancellation_->callbacks_.erase(where_);
      }
    }

   private:
    friend class Cancellation;
    void run() {
      listed_ = false;
      work_();
    }
    Cancellation* cancellation_;
    std::move_only_function<void()> work_;
    std::list<Callback*>::iterator where_;
    bool listed_ = false;
  };

 private:
  bool requested_ = false;
  std::list<Callback*> callbacks_;
};

enum class Wake : std::uint8_t { signalled, timed_out, cancelled };

// An auto-reset event with one waiter, on one loop's thread. A set() with nobody waiting is
// remembered once.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void set() {
    if (auto waiter = std::exchange(waiter_, nullptr)) {
      loop_.resume_soon(waiter);
    } else {
      set_ = true;
    }
  }
  void reset() { set_ = false; }

  struct Awaiter {
    Event& event;
    bool await_ready() const noexcept { return std::exchange(event.set_, false); }
    void await_suspend(std::coroutine_handle<> handle) noexcept { event.waiter_ = handle; }
    void await_resume() const noexcept {}
  };
  Awaiter wait() { return Awaiter{*this}; }

  // Waits until set(), `deadline` or cancellation, whichever is first.
  Task<Wake> wait_until(MonoTime deadline, Cancellation* cancellation = nullptr);

 private:
  Loop& loop_;
  std::coroutine_handle<> waiter_ = nullptr;
  bool set_ = false;
};

// Suspends for `duration`, or until cancellation.
Task<Wake> sleep_for(Loop& loop, Duration duration, Cancellation* cancellation = nullptr);

}  // namespace tidegate
