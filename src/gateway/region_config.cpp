#include "gateway/region_config.hpp"

#include <algorithm>

namespace tidegate::gateway {

bool Network::contains(const IpBytes& address) const {
  const auto whole = static_cast<std::ptrdiff_t>(bits / 8);
  if (!std::equal(base.begin(), base.begin() + whole, address.begin())) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto at = static_cast<std::size_t>(whole);
  return ((base[at] ^ address[at]) >> (8 - rest)) == 0;
}

}  // namespace tidegate::gateway
