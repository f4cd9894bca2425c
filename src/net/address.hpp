// A literal address to listen on or to dial: IPv4, IPv6 or the path of a Unix socket. Names are not
// resolved here.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidegate::net {

class Address {
 public:
  // Errors: configuration.
  static Result<Address> tcp(std::string_view host, std::uint16_t port);
  static Result<Address> unix_path(std::string_view path);
  static Address from(const sockaddr_storage& storage, socklen_t size);

  int family() const { return storage_.ss_family; }
  const sockaddr* native() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t native_size() const { return size_; }
  std::uint16_t port() const;
  // "192.0.2.1", "[2001:db8::1]" or "unix"; an IPv4 address that came over IPv6 is written as IPv4.
  std::string host() const;
  // "192.0.2.1:80", "[2001:db8::1]:80" or the path.
  std::string to_string() const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace tidegate::net
