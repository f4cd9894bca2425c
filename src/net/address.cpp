#include "net/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

namespace tidegate::net {

Result<Address> Address::tcp(std::string_view host, std::uint16_t port) {
  std::string text(host);
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage_, &v4, address.size_ = sizeof v4);
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.storage_, &v6, address.size_ = sizeof v6);
  } else {
    return fail(ErrorCode::configuration, fmt::format("'{}' is not an IP address", host),
                "Write a literal IPv4 or IPv6 address, such as 127.0.0.1 or ::1.");
  }
  return address;
}

Result<Address> Address::unix_path(std::string_view path) {
  sockaddr_un un{};
  if (path.empty() || path.size() >= sizeof un.sun_path) {
    return fail(ErrorCode::configuration,
                fmt::format("'{}' cannot be the path of a Unix socket", path),
                fmt::format("Choose a path of 1 to {} bytes.", sizeof un.sun_path - 1));
  }
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  Address address;
  std::memcpy(&address.storage_, &un, address.size_ = sizeof un);
  return address;
}

Address Address::from(const sockaddr_storage& storage, socklen_t size) {
  Address address;
  address.storage_ = storage;
  address.size_ = size;
  return address;
}

std::uint16_t Address::port() const {
  switch (family()) {
    case AF_INET:
      return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
    case AF_INET6:
      return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
    default:
      return 0;
  }
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage_);
    return ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  }
  if (family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage_).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) return ::inet_ntop(AF_INET, &v6.s6_addr[12], text, sizeof text);
    return fmt::format("[{}]", ::inet_ntop(AF_INET6, &v6, text, sizeof text));
  }
  return "unix";
}

std::string Address::to_string() const {
  if (family() == AF_UNIX) return reinterpret_cast<const sockaddr_un&>(storage_).sun_path;
  return fmt::format("{}:{}", host(), port());
}

}  // namespace tidegate::net
