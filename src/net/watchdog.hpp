// One deadline that moves with every step of a connection. Moving it is a store: the timer below
// stays where it is, and when it fires too early it looks again. So a request costs no timer
// operation.
#pragma once

#include <functional>
#include <utility>

#include "base/loop.hpp"

namespace tidegate::net {

class Watchdog {
 public:
  Watchdog(Loop& loop, std::move_only_function<void()> expired)
      : loop_(loop), expired_(std::move(expired)) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() { loop_.cancel(timer_); }

  void expect_within(Duration duration) {
    deadline_ = loop_.now() + duration;
    if (timer_ != 0 && armed_for_ <= deadline_) return;
    loop_.cancel(timer_);
    arm();
  }
  void rest() { deadline_ = MonoTime::max(); }

 private:
  void arm() {
    armed_for_ = deadline_;
    timer_ = loop_.call_at(armed_for_, [this] { look(); });
  }
  void look() {
    timer_ = 0;
    if (deadline_ == MonoTime::max()) return;
    if (loop_.now() < deadline_) return arm();
    rest();
    expired_();
  }

  Loop& loop_;
  std::move_only_function<void()> expired_;
  MonoTime deadline_ = MonoTime::max();
  MonoTime armed_for_{};
  TimerId timer_ = 0;
};

}  // namespace tidegate::net
