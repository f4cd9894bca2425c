// Time behind a port. Monotonic time is for durations, deadlines and timers; wall time is for what
// people and signatures read. Nothing outside the adapters of this port may ask the operating
// system for the time.
#pragma once

#include <chrono>
#include <cstdint>

namespace tidegate {

using Duration = std::chrono::nanoseconds;
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono() const = 0;
  virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonoTime mono() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
};

inline double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}
inline std::int64_t millis(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

}  // namespace tidegate
