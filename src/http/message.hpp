// The heads of HTTP messages (RFC 9110). Header names compare without case and keep their order and
// repetitions, because SigV4 signs exactly what was sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace tidegate::http {

struct Header {
  std::string name;
  std::string value;
};

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> all) : all_(all) {}
  void add(std::string name, std::string value) {
    all_.push_back({std::move(name), std::move(value)});
  }
  // Replaces every header of that name by one.
  void set(std::string_view name, std::string value) {
    erase(name);
    add(std::string(name), std::move(value));
  }
  void erase(std::string_view name) {
    std::erase_if(all_, [&](const Header& h) { return iequals_ascii(h.name, name); });
  }
  // The first of that name.
  std::optional<std::string_view> get(std::string_view name) const {
    for (const Header& h : all_) {
      if (iequals_ascii(h.name, name)) return h.value;
    }
    return std::nullopt;
  }
  std::size_t count(std::string_view name) const {
    std::size_t n = 0;
    for (const Header& h : all_) n += iequals_ascii(h.name, name) ? 1 : 0;
    return n;
  }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }
  std::size_t size() const { return all_.size(); }
  bool empty() const { return all_.empty(); }
  void clear() { all_.clear(); }

 private:
  std::vector<Header> all_;
};

enum class Version : std::uint8_t { http1_0, http1_1, http2 };

// The target is raw, as it came: never decoded, never normalised (the signature covers these
// bytes). Over HTTP/2, `authority` is the :authority pseudo-header and "host" may be absent from
// the headers.
struct RequestHead {
  std::string method;
  std::string target;
  std::string authority;
  Version version = Version::http1_1;
  Headers headers;

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  std::string_view query() const {  // without the '?'; empty if there is none
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view{}
                                     : std::string_view(target).substr(mark + 1);
  }
};

struct ResponseHead {
  int status = 200;
  Headers headers;
};

// The reason phrase of RFC 9110 for a status, for HTTP/1.1.
std::string_view reason_phrase(int status);

}  // namespace tidegate::http
