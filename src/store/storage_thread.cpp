#include "store/storage_thread.hpp"

#include <pthread.h>

#include "base/limits.hpp"

namespace tidegate::store {

StorageThread::StorageThread(audit::Log& log) : log_(log) {
  log_.set_waker([this] { signal(); });
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "storage");
}

StorageThread::~StorageThread() {
  stop_ = true;
  {
    std::scoped_lock lock(mutex_);
  }
  wake_.notify_one();
  thread_.join();
  log_.set_waker({});
}

// On the appending thread. While entries come in, the storage thread sleeps with a timeout and does
// not listen, so an append costs no system call of ours beyond its write.
void StorageThread::signal() {
  signalled_ = true;
  if (!listening_) return;
  {
    std::scoped_lock lock(mutex_);
  }
  wake_.notify_one();
}

void StorageThread::run() {
  using std::chrono::steady_clock;
  const bool strict = log_.durability() == audit::Durability::strict;
  auto worked_at = steady_clock::now();
  while (!stop_) {
    if (signalled_.exchange(false)) worked_at = steady_clock::now();
    log_.tick();
    const bool busy = steady_clock::now() - worked_at < limits::storage_linger;
    listening_ = strict || !busy;
    sleep(busy ? Duration(limits::sync_interval) : Duration(limits::storage_idle_interval));
    listening_ = false;
  }
  log_.tick();
}

void StorageThread::sleep(Duration at_most) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, at_most, [&] { return stop_ || (listening_ && signalled_); });
}

}  // namespace tidegate::store
