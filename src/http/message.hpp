// The heads of HTTP messages (RFC 9110). Header names compare without case and keep their order and
// repetitions, because SigV4 signs exactly what was sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace tidegate::http {

// A view into the Headers it came from: valid until they change, move or end.
struct Header {
  std::string_view name;
  std::string_view value;
};

// All names and values lie in one string: a message's headers cost two allocations, whatever their
// number.
class Headers {
  struct Field {
    std::uint32_t name_at = 0, name_size = 0, value_at = 0, value_size = 0;
  };

 public:
  class Iterator {
   public:
    using value_type = Header;
    using difference_type = std::ptrdiff_t;
    struct Arrow {
      Header header;
      const Header* operator->() const { return &header; }
    };
    Iterator() = default;
    Header operator*() const { return headers_->at(*field_); }
    Arrow operator->() const { return {**this}; }
    Iterator& operator++() {
      ++field_;
      return *this;
    }
    Iterator operator++(int) { return {headers_, field_++}; }
    Iterator operator+(difference_type n) const { return {headers_, field_ + n}; }
    bool operator==(const Iterator& other) const { return field_ == other.field_; }

   private:
    friend class Headers;
    Iterator(const Headers* headers, const Field* field) : headers_(headers), field_(field) {}
    const Headers* headers_ = nullptr;
    const Field* field_ = nullptr;
  };

  Headers() = default;
  Headers(std::initializer_list<Header> all) {
    for (const Header& header : all) add(header.name, header.value);
  }
  // Room for that much, so that adding it moves nothing.
  void reserve(std::size_t bytes, std::size_t count) {
    text_.reserve(bytes);
    fields_.reserve(count);
  }
  void add(std::string_view name, std::string_view value);
  // Of a parser: `text` is copied in one piece, in front of everything, and add_part() names a
  // header in it by two views of the argument.
  void keep(std::string_view text, std::size_t count) {
    text_ = text;
    fields_.clear();
    fields_.reserve(count);
  }
  void add_part(std::string_view text, std::string_view name, std::string_view value) {
    add_field(static_cast<std::size_t>(name.data() - text.data()), name.size(),
              static_cast<std::size_t>(value.data() - text.data()), value.size());
  }
  // Replaces every header of that name by one.
  void set(std::string_view name, std::string_view value) {
    erase(name);
    add(name, value);
  }
  // Its bytes stay where they are: views of other headers remain valid.
  void erase(std::string_view name) {
    std::erase_if(fields_, [&](const Field& f) { return is_named(f, name); });
  }
  // The first of that name.
  std::optional<std::string_view> get(std::string_view name) const {
    for (const Field& f : fields_) {
      if (is_named(f, name)) return at(f).value;
    }
    return std::nullopt;
  }
  std::size_t count(std::string_view name) const {
    std::size_t n = 0;
    for (const Field& f : fields_) n += is_named(f, name) ? 1 : 0;
    return n;
  }
  Iterator begin() const { return {this, fields_.data()}; }
  Iterator end() const { return {this, fields_.data() + fields_.size()}; }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  void clear() {
    text_.clear();
    fields_.clear();
  }
  // Of all names and values together, an upper bound.
  std::size_t bytes() const { return text_.size(); }

 private:
  Header at(const Field& f) const {
    return {{text_.data() + f.name_at, f.name_size}, {text_.data() + f.value_at, f.value_size}};
  }
  bool is_named(const Field& f, std::string_view name) const {
    return f.name_size == name.size() &&
           iequals_ascii({text_.data() + f.name_at, f.name_size}, name);
  }
  // In place: a field that is built elsewhere in four pieces and copied in two stalls the
  // processor.
  void add_field(std::size_t name_at, std::size_t name_size, std::size_t value_at,
                 std::size_t value_size) {
    Field& f = fields_.emplace_back();
    f.name_at = static_cast<std::uint32_t>(name_at);
    f.name_size = static_cast<std::uint32_t>(name_size);
    f.value_at = static_cast<std::uint32_t>(value_at);
    f.value_size = static_cast<std::uint32_t>(value_size);
  }

  std::string text_;
  std::vector<Field> fields_;
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

// The two ways to refuse a head; `what` completes the sentence, and never has a client's bytes.
Error malformed_message(std::string_view what);
Error head_too_large(std::string_view what);

// What a request may not call itself, over HTTP/1.1 and HTTP/2 alike, in words for
// malformed_message(); empty if nothing is wrong. A target is a path with
// or without a query (origin form); an authority is a host with or without a port.
inline constexpr std::string_view no_tunnels =
    "CONNECT is not supported, this is not a forward proxy";
std::string_view fault_of_target(std::string_view target);
std::string_view fault_of_authority(std::string_view authority);

// The reason phrase of RFC 9110 for a status, for HTTP/1.1.
std::string_view reason_phrase(int status);

}  // namespace tidegate::http
