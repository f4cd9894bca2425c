#include "net/signals.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <vector>

#include "net/socket_stream.hpp"

namespace tidegate::net {
namespace {

std::atomic<int> pipe_end{-1};

void note(int signal) {
  const int error = errno;
  const char byte = static_cast<char>(signal);
  [[maybe_unused]] const auto sent = ::write(pipe_end.load(), &byte, 1);
  errno = error;
}

}  // namespace

struct SignalWatch::State {
  std::unique_ptr<SocketStream> arriving;
  Descriptor leaving;
  std::function<void(int)> listener;
  std::vector<std::pair<int, struct sigaction>> former;

  static Task<void> listen(std::shared_ptr<State> self);
};

Task<void> SignalWatch::State::listen(std::shared_ptr<State> self) {
  for (char signal;;) {
    const auto got = co_await self->arriving->read({&signal, 1});
    if (!got || *got == 0) break;
    self->listener(signal);
  }
}

SignalWatch::SignalWatch(EpollLoop& loop, std::initializer_list<int> signals,
                         std::function<void(int)> listener)
    : state_(std::make_shared<State>()) {
  // A socket pair rather than a pipe, so that a stream can read it.
  int ends[2] = {-1, -1};
  ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
  sockaddr_storage unix_family{};
  unix_family.ss_family = AF_UNIX;
  state_->arriving = std::make_unique<SocketStream>(
      loop, Descriptor(ends[0]), Address::from(unix_family, sizeof(sa_family_t)));
  state_->leaving = Descriptor(ends[1]);
  state_->listener = std::move(listener);
  pipe_end = ends[1];
  for (const int signal : signals) {
    struct sigaction action{}, former{};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, &former);
    state_->former.emplace_back(signal, former);
  }
  spawn(State::listen(state_));
}

SignalWatch::~SignalWatch() {
  for (const auto& [signal, former] : state_->former) ::sigaction(signal, &former, nullptr);
  pipe_end = -1;
  state_->arriving->close();
}

}  // namespace tidegate::net
