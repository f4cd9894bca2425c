// Task<T>: a lazy coroutine. It starts when awaited (or spawned), resumes its awaiter by symmetric
// transfer, and knows nothing of threads or of any I/O library: what suspends is a port (Loop,
// Exchange, Client), so the same code runs on sockets and in virtual time. Coroutine parameters are
// taken by value; lambdas with captures are never coroutines.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "base/frame_memory.hpp"

namespace tidegate {

template <class T>
class Task;

namespace task_detail {

// The promise's operators allocate the whole frame.
struct OnFrameMemory {
  static void* operator new(std::size_t size) { return FrameMemory::take(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    FrameMemory::give_back(frame, size);
  }
};

struct PromiseBase : OnFrameMemory {
  std::coroutine_handle<> awaiter = std::noop_coroutine();
  std::exception_ptr exception;

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> done) noexcept {
      return done.promise().awaiter;
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void take() {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace task_detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = task_detail::Promise<T>;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

template <class T>
Task<T> task_detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> task_detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

namespace task_detail {
// A coroutine nobody awaits: it runs at once and destroys itself at its end.
struct Detached {
  struct promise_type : OnFrameMemory {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {
      std::terminate();
    }  // a bug: tasks that are spawned report errors as values
  };
};
inline Detached detach(Task<void> task) {
  co_await task;
}
}  // namespace task_detail

// Starts the task now, on this thread; it owns itself from here on.
inline void spawn(Task<void> task) {
  task_detail::detach(std::move(task));
}

}  // namespace tidegate
