#include "net/worker_thread.hpp"

#include <pthread.h>

namespace tidegate::net {

WorkerThread::WorkerThread(std::string name) : thread_([this] { loop_.run(); }) {
  ::pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

WorkerThread::~WorkerThread() {
  loop_.stop();
  thread_.join();
}

namespace {
Task<void> run_and_tell(Task<void> task, std::promise<void>* ended) {
  co_await std::move(task);
  ended->set_value();
}
}  // namespace

void WorkerThread::run(Task<void> task) {
  std::promise<void> ended;
  auto future = ended.get_future();
  loop_.post([&] { spawn(run_and_tell(std::move(task), &ended)); });
  future.get();
}

}  // namespace tidegate::net
