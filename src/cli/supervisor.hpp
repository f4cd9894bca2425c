// Processes that belong to this one: started in groups of their own, started again with a growing
// pause when they die, ended with it whatever way it ends.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tidegate::cli {

struct Program {
  std::string name;                  // "eu-south-1 gateway"
  std::vector<std::string> command;  // its first word is the path of the executable
  std::filesystem::path log;         // standard output and error, appended
};

class Supervisor {
 public:
  explicit Supervisor(Clock& clock) : clock_(clock) {}
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() { kill(); }

  // Starts at the next tick(). Errors: configuration (the log file).
  Result<void> add(Program program);
  // Starts what is due, and collects what ended; says so on standard error.
  void tick();
  // Deaths since the last time that `name` ran for a while.
  int deaths(const std::string& name) const;

  // SIGTERM to the programs whose names contain `part`, SIGKILL to their groups after `patience`.
  // Nothing is started any more.
  void stop(const std::string& part, Duration patience);
  // SIGKILL to every group.
  void kill();

 private:
  struct Child {
    Program program;
    pid_t pid = 0;  // 0: does not run
    MonoTime started{}, due{};
    int deaths = 0;
  };
  void start(Child& child);
  void collect(Child& child, int status);
  void wait_until_gone(const std::vector<Child*>& children, MonoTime deadline);

  Clock& clock_;
  std::vector<Child> children_;
  bool stopping_ = false;
};

}  // namespace tidegate::cli
