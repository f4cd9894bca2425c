// One more while it lives: requests that wait, that were sent, that run, tasks in the background.
#pragma once

#include <atomic>
#include <type_traits>

namespace tidegate::gateway {

template <class Counter>
class Counted {
 public:
  explicit Counted(Counter& counter) : counter_(counter) { add(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { add(-1); }

 private:
  void add(int delta) {
    if constexpr (std::is_arithmetic_v<Counter>) {
      counter_ += delta;
    } else {
      counter_.fetch_add(static_cast<typename Counter::value_type>(delta),
                         std::memory_order_relaxed);
    }
  }
  Counter& counter_;
};

}  // namespace tidegate::gateway
