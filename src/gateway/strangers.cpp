#include "gateway/strangers.hpp"

#include "base/limits.hpp"

namespace tidegate::gateway {

std::string address_prefix(std::string_view address) {
  if (const auto last_dot = address.rfind('.');
      last_dot != std::string_view::npos && !address.contains(':')) {
    return std::string(address.substr(0, last_dot)) + ".0/24";
  }
  if (address.starts_with('[')) address.remove_prefix(1);
  if (address.ends_with(']')) address.remove_suffix(1);
  std::size_t groups = 0;
  for (std::size_t i = 0; i < address.size(); ++i) {
    if (address[i] == ':' && ++groups == 3) return std::string(address.substr(0, i)) + "::/48";
  }
  return std::string(address);
}

void Strangers::count(std::string_view remote_address, std::string_view reason) {
  std::pair key{address_prefix(remote_address), std::string(reason)};
  std::lock_guard lock(mutex_);
  if (counts_.size() >= limits::stranger_rows_max && !counts_.contains(key)) key.first = "other";
  ++counts_[std::move(key)];
}

json::array Strangers::take() {
  decltype(counts_) taken;
  {
    std::lock_guard lock(mutex_);
    taken.swap(counts_);
  }
  json::array out;
  for (const auto& [key, count] : taken) {
    out.push_back(
        json::object{{"sourcePrefix", key.first}, {"reason", key.second}, {"count", count}});
  }
  return out;
}

}  // namespace tidegate::gateway
