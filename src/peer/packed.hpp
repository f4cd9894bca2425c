// What is sealed for a link, and the headers of an answer, in bytes: the fields of a type in one
// order, each with one way to write it. A number has eight octets (big-endian, two's complement), a
// digest its 32, a text its length in two octets and then its UTF-8, a list its count in two octets
// and then its texts. A request carries two such documents there and back, and as JSON they cost
// more than their MACs.
//
// One list of fields a type, pack(codec, object), serves both directions (beside the type's code),
// and the reader takes exactly what the writer writes.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "peer/is.hpp"

namespace tidegate::peer {

class Packer {
 public:
  explicit Packer(std::string& out) : out_(out) {}
  void version(std::uint8_t version) { out_ += static_cast<char>(version); }
  void digest(const Sha256& digest) { out_ += view(digest); }
  void text(std::string_view text);
  void count(std::size_t count) { append_big_endian(out_, count, 2); }
  void texts(const std::vector<std::string>& texts);
  void number(std::integral auto number) {
    append_big_endian(out_, static_cast<std::uint64_t>(number), 8);
  }

 private:
  std::string& out_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view in) : in_(in) {}
  void version(std::uint8_t version) { good_ = read(1) == version && good_; }
  void digest(Sha256& digest);
  void text(std::string& text) { text = this->text(); }
  std::string_view text();                   // of what is read: empty where it is not a text
  std::size_t count(std::size_t count_max);  // 0 where there are more
  void texts(std::vector<std::string>& texts);
  template <std::integral Number>
  void number(Number& number) {
    const std::uint64_t read = this->read(8);
    number = static_cast<Number>(read);
    good_ = good_ && static_cast<std::uint64_t>(number) == read;
  }
  // Whether all of it was read, and nothing was wrong.
  bool done() const { return good_ && in_.empty(); }

 private:
  std::string_view take(std::size_t octets);
  std::uint64_t read(int octets);
  std::string_view in_;
  bool good_ = true;
};

template <class T>
std::string packed(const T& object) {
  std::string out;
  out.reserve(512);
  Packer packer(out);
  pack(packer, object);
  return out;
}

// False where the bytes are not exactly such an object; `object` is then worth nothing.
template <class T>
bool unpack(std::string_view bytes, T& object) {
  Unpacker unpacker(bytes);
  pack(unpacker, object);
  return unpacker.done();
}

}  // namespace tidegate::peer
