// Signals as calls on a loop. A handler writes the number into a pipe, and nothing is blocked:
// children that are started later inherit the ordinary disposition.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

#include "net/epoll_loop.hpp"

namespace tidegate::net {

// One at a time in a process, on its loop's thread.
class SignalWatch {
 public:
  SignalWatch(EpollLoop& loop, std::initializer_list<int> signals,
              std::function<void(int)> listener);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  // Puts the former handlers back.
  ~SignalWatch();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tidegate::net
