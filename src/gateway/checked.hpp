// The policy checks of one principal, action and row, and what every record of them says, written
// once: a pure function of the snapshot, so thousands of requests share it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policy/policy.hpp"

namespace tidegate::gateway {

class Checked {
 public:
  explicit Checked(std::vector<policy::Check> checks);
  const std::vector<policy::Check>& all() const { return all_; }
  std::vector<policy::Check> denied() const;
  bool allowed() const { return allowed_; }
  // A record's policyChecks: what allowed, counted; or, where anything was denied, every check.
  const std::string& text() const { return text_; }

 private:
  std::vector<policy::Check> all_;
  bool allowed_;
  std::string text_;
};
using CheckedPtr = std::shared_ptr<const Checked>;

}  // namespace tidegate::gateway
