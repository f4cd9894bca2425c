// Callers that could not be identified: counted per minute, source address prefix and reason, not
// written one by one, so that strangers cannot fill the disk.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/time.hpp"

namespace tidegate::gateway {

class Strangers {
 public:
  void count(std::string_view remote_address, std::string_view reason);
  // What was counted since the last take: {prefix, reason, count}; empty if nothing was.
  json::array take();

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::uint64_t>
      counts_;  // bounded by limits::stranger_rows_max
};

// "192.0.2.0/24" or "2001:db8:1::/48": enough to find a misconfigured client, not a person.
std::string address_prefix(std::string_view address);

}  // namespace tidegate::gateway
