// One thread for work that blocks: reading audit segments, the document store.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "gateway/background.hpp"

namespace tidegate::cli {

class BackgroundThread final : public gateway::Background {
 public:
  BackgroundThread() : thread_([this] { loop(); }) {}
  ~BackgroundThread() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  void run(std::move_only_function<void()> work) override {
    {
      std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
    wake_.notify_one();
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !work_.empty(); });
      if (work_.empty()) return;  // stopping, and everything is done
      auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> work_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tidegate::cli
