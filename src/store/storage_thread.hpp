// The thread that drives the audit log: a tick every limits::sync_interval while entries come in,
// none while there is nothing to do but a look once a second (new day, retention, a disk that
// works again). In strict mode somebody waits for each sync: then it ticks at once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "audit/log.hpp"

namespace tidegate::store {

class StorageThread {
 public:
  // `log` must outlive it, and get no other waker and no other tick() meanwhile.
  explicit StorageThread(audit::Log& log);
  // Stops after a last tick: everything appended before is synced.
  ~StorageThread();
  StorageThread(const StorageThread&) = delete;
  StorageThread& operator=(const StorageThread&) = delete;

 private:
  void run();
  void signal();
  void sleep(Duration at_most);

  audit::Log& log_;
  std::atomic<bool> signalled_ = false;
  std::atomic<bool> listening_ = false;  // it sleeps, and a signal must wake it
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace tidegate::store
