#include "cli/supervisor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/output.hpp"

namespace tidegate::cli {
namespace {

constexpr Duration pause_min = 100ms;
constexpr Duration pause_max = 5s;
constexpr Duration long_enough =
    10s;  // a program that ran so long starts with the shortest pause again

// Between fork and exec: nothing here may allocate or throw.
[[noreturn]] void become(char* const* command, const char* log, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);  // it ended before the call above
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = ::open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (input < 0 || output < 0) ::_exit(127);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execv(command[0], command);
  ::_exit(127);
}

std::string ending_of(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with code {}", WEXITSTATUS(status));
}

}  // namespace

Result<void> Supervisor::add(Program program) {
  const int fd = ::open(program.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail({.code = ErrorCode::configuration,
                 .message = fmt::format("{} cannot be written", program.log.string()),
                 .mend = "check the folder's permissions and the free space of the disk",
                 .why = std::strerror(errno)});
  }
  ::close(fd);
  children_.push_back({.program = std::move(program)});
  return {};
}

void Supervisor::start(Child& child) {
  std::vector<char*> words;
  for (std::string& word : child.program.command) words.push_back(word.data());
  words.push_back(nullptr);
  const std::string log = child.program.log.string();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(words.data(), log.c_str(), parent);
  child.started = clock_.mono();
  if (pid > 0) {
    ::setpgid(pid, pid);  // here too: whichever of the two comes first
    child.pid = pid;
  } else {
    note(fmt::format("{} could not be started: {}", child.program.name, std::strerror(errno)));
    child.due = child.started + pause_max;
  }
}

void Supervisor::collect(Child& child, int status) {
  ::kill(-child.pid, SIGKILL);  // what it may have left behind
  child.pid = 0;
  if (stopping_) return;
  const MonoTime now = clock_.mono();
  if (now - child.started >= long_enough) child.deaths = 0;
  const Duration pause = std::min(pause_max, pause_min * (1 << std::min(child.deaths, 6)));
  ++child.deaths;
  child.due = now + pause;
  note(fmt::format("{} {}; it is started again in {:.1f} s (its log: {})", child.program.name,
                   ending_of(status), seconds(pause), child.program.log.string()));
}

void Supervisor::tick() {
  for (Child& child : children_) {
    int status = 0;
    if (child.pid != 0 && ::waitpid(child.pid, &status, WNOHANG) == child.pid)
      collect(child, status);
    if (child.pid == 0 && !stopping_ && clock_.mono() >= child.due) start(child);
  }
}

int Supervisor::deaths(const std::string& name) const {
  const auto found =
      std::ranges::find(children_, name, [](const Child& child) { return child.program.name; });
  return found == children_.end() ? 0 : found->deaths;
}

void Supervisor::wait_until_gone(const std::vector<Child*>& children, MonoTime deadline) {
  for (;;) {
    tick();
    const bool gone =
        std::ranges::all_of(children, [](const Child* child) { return child->pid == 0; });
    if (gone || clock_.mono() >= deadline) break;
    ::usleep(10'000);
  }
  for (Child* child : children) {
    if (child->pid == 0) continue;
    note(fmt::format("{} did not end in time and is killed", child->program.name));
    ::kill(-child->pid, SIGKILL);
    ::waitpid(child->pid, nullptr, 0);
    child->pid = 0;
  }
}

void Supervisor::stop(const std::string& part, Duration patience) {
  stopping_ = true;
  std::vector<Child*> chosen;
  for (Child& child : children_) {
    if (child.pid == 0 || child.program.name.find(part) == std::string::npos) continue;
    ::kill(child.pid, SIGTERM);
    chosen.push_back(&child);
  }
  wait_until_gone(chosen, clock_.mono() + patience);
}

void Supervisor::kill() {
  stopping_ = true;
  for (Child& child : children_) {
    if (child.pid == 0) continue;
    ::kill(-child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    child.pid = 0;
  }
}

}  // namespace tidegate::cli
