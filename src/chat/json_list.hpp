// A JSON list or object in the making: commas between, none before the first.
#pragma once

#include <string>
#include <utility>

namespace tidegate::chat {

class Commas {
 public:
  void next(std::string& out) {
    if (!std::exchange(first_, false)) out += ',';
  }

 private:
  bool first_ = true;
};

}  // namespace tidegate::chat
