// A loop in virtual time: one thread, any number of workers, nothing real. run_until() fires events
// in (time, order of arrival), so the same seed gives the same run. Unit tests and the simulator
// drive whole Regions with it.
#pragma once

#include <deque>
#include <map>

#include "base/loop.hpp"

namespace tidegate {

class VirtualClock final : public Clock {
 public:
  MonoTime mono() const override { return MonoTime(elapsed_); }
  WallTime wall() const override {
    return start_ + std::chrono::duration_cast<std::chrono::microseconds>(elapsed_) + wall_offset_;
  }
  void set_wall_offset(std::chrono::microseconds offset) { wall_offset_ = offset; }

 private:
  friend class VirtualLoop;
  Duration elapsed_{1'000'000'000};  // not zero: a default MonoTime is always in the past
  WallTime start_{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};
  std::chrono::microseconds wall_offset_{0};
};

class VirtualLoop final : public Loop {
 public:
  VirtualClock& clock() override { return clock_; }
  void post(std::move_only_function<void()> work) override { ready_.push_back(std::move(work)); }
  void resume_soon(std::coroutine_handle<> handle) override {
    ready_.push_back([handle] { handle.resume(); });
  }
  TimerId call_at(MonoTime when, std::move_only_function<void()> work) override {
    const TimerId id = ++last_id_;
    timers_.emplace(std::pair{std::max(when, clock_.mono()), id}, std::move(work));
    times_.emplace(id, std::max(when, clock_.mono()));
    return id;
  }
  void cancel(TimerId timer) override {
    if (auto found = times_.find(timer); found != times_.end()) {
      timers_.erase({found->second, timer});
      times_.erase(found);
    }
  }

  bool others_ready() const override { return !ready_.empty(); }

  // Runs all that is due up to `end`; time then stands at `end`.
  void run_until(MonoTime end) {
    for (;;) {
      drain();
      if (timers_.empty() || timers_.begin()->first.first > end) break;
      step();
    }
    clock_.elapsed_ = std::max(clock_.elapsed_, end.time_since_epoch());
  }
  void run_for(Duration duration) { run_until(clock_.mono() + duration); }
  // Runs until `done()` or until `limit` of virtual time has passed; says whether `done()` held.
  template <class Done>
  bool run_while_not(Done done, Duration limit) {
    const MonoTime end = clock_.mono() + limit;
    for (;;) {
      while (!ready_.empty()) {
        if (done()) return true;
        run_one();
      }
      if (done()) return true;
      if (timers_.empty() || timers_.begin()->first.first > end) return false;
      step();
    }
  }

 private:
  void run_one() {
    auto work = std::move(ready_.front());
    ready_.pop_front();
    work();
  }
  void drain() {
    while (!ready_.empty()) run_one();
  }
  void step() {
    auto first = timers_.extract(timers_.begin());
    times_.erase(first.key().second);
    clock_.elapsed_ = std::max(clock_.elapsed_, first.key().first.time_since_epoch());
    first.mapped()();
  }

  VirtualClock clock_;
  std::deque<std::move_only_function<void()>> ready_;
  std::map<std::pair<MonoTime, TimerId>, std::move_only_function<void()>> timers_;
  std::map<TimerId, MonoTime> times_;
  TimerId last_id_ = 0;
};

}  // namespace tidegate
