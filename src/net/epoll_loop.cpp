#include "net/epoll_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "base/limits.hpp"

namespace tidegate::net {

EpollLoop::EpollLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!epoll_ || !wake_) throw std::system_error(errno, std::generic_category(), "epoll_create");
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void EpollLoop::post(std::move_only_function<void()> work) {
  bool signal;
  {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
    signal = !std::exchange(signalled_, true);
  }
  // Edge-triggered, so each write wakes the loop and the counter need never be read.
  const std::uint64_t one = 1;
  if (signal) [[maybe_unused]]
    const auto written = ::write(wake_.get(), &one, sizeof one);
}

void EpollLoop::stop() {
  post([this] { stopped_ = true; });
}

bool EpollLoop::watch(int fd, Watcher* watcher) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = watcher}};
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EpollLoop::unwatch(int fd) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EpollLoop::run() {
  stopped_ = false;
  while (!stopped_) {
    clock_.refresh();
    run_posted();
    run_timers();
    run_ready();
    if (!stopped_) wait();
  }
}

void EpollLoop::wait() {
  int timeout_ms = -1;
  if (!ready_.empty()) {
    timeout_ms = 0;
  } else if (!timers_.empty()) {
    // Rounded up: a timer may be late, never early.
    clock_.refresh();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.first() - now());
    timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
  }
  std::array<epoll_event, limits::loop_events_max> events;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const std::uint32_t flags = events[static_cast<std::size_t>(i)].events;
    auto* watcher = static_cast<Watcher*>(events[static_cast<std::size_t>(i)].data.ptr);
    if (!watcher) continue;  // the wake-up: run_posted() is next
    const bool hang_up = flags & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    watcher->on_ready({.readable = hang_up || flags & EPOLLIN,
                       .writable = hang_up || flags & EPOLLOUT,
                       .hang_up = hang_up});
  }
}

void EpollLoop::run_posted() {
  std::vector<std::move_only_function<void()>> batch;
  {
    std::lock_guard lock(mutex_);
    if (!signalled_) return;
    signalled_ = false;
    batch.swap(posted_);
  }
  for (auto& work : batch) work();
}

void EpollLoop::run_timers() {
  if (timers_.empty()) return;
  const MonoTime time = now();
  while (!timers_.empty() && timers_.first() <= time) timers_.pop()();
}

// Bounded, so that coroutines that keep waking each other cannot keep the sockets waiting.
void EpollLoop::run_ready() {
  for (std::size_t n = 0; n < limits::loop_resumes_max && !ready_.empty(); ++n) {
    const auto handle = ready_.front();
    ready_.pop_front();
    handle.resume();
  }
}

namespace {
Task<void> run_and_stop(EpollLoop* loop, Task<void> task) {
  co_await std::move(task);
  loop->stop();
}
}  // namespace

void run_to_end(EpollLoop& loop, Task<void> task) {
  loop.post([&] { spawn(run_and_stop(&loop, std::move(task))); });
  loop.run();
}

}  // namespace tidegate::net
