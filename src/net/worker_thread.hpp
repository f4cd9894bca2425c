// A loop and the thread that runs it. What lives on the loop is made, used and destroyed there:
// call() does that.
#pragma once

#include <exception>
#include <future>
#include <string>
#include <thread>
#include <type_traits>

#include "net/epoll_loop.hpp"

namespace tidegate::net {

class WorkerThread {
 public:
  // At most 15 bytes of `name` show in ps and top.
  explicit WorkerThread(std::string name);
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;
  // Stops the loop and waits for the thread.
  ~WorkerThread();

  EpollLoop& loop() { return loop_; }

  // Runs `work` on the loop's thread and waits for its result. From another thread only.
  template <class Work>
  std::invoke_result_t<Work&> call(Work work) {
    std::promise<std::invoke_result_t<Work&>> result;
    auto future = result.get_future();
    loop_.post([&] {
      try {
        if constexpr (std::is_void_v<std::invoke_result_t<Work&>>) {
          work();
          result.set_value();
        } else {
          result.set_value(work());
        }
      } catch (...) {
        result.set_exception(std::current_exception());
      }
    });
    return future.get();
  }
  // The same for a task: waits until it has ended.
  void run(Task<void> task);

 private:
  EpollLoop loop_;
  std::thread thread_;
};

}  // namespace tidegate::net
