// What machines say to each other on a link: JSON objects of known members in RFC 8785's order. One
// list of members a type, visit(codec, object), serves both directions (beside the type's code,
// constrained to it by Is), and the reader takes exactly what the writer writes: a member that is
// unknown, missing, twice, out of order or out of range, white space, another way to write the same
// string or number, all are refused, so that no two readers can read a document differently.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "peer/is.hpp"

namespace tidegate::peer {

template <class T>
using Members = std::map<std::string, T, std::less<>>;

class CanonicalWriter {
 public:
  explicit CanonicalWriter(std::string& out) : out_(out) {}
  void open() { begin('{'); }
  void close() { end('}'); }
  // The names are literals that need no escapes, given in order.
  template <class T>
  void member(std::string_view name, const T& value) {
    separate();
    out_.append(1, '"').append(name).append("\":");
    write(value);
  }
  // A member that is always this number.
  void constant(std::string_view name, int number) { member(name, number); }

 private:
  void write(const std::string& text);
  void write(const bool& flag) { out_ += flag ? "true" : "false"; }
  void write(const int& number) { out_ += std::to_string(number); }
  void write(const std::int64_t& number) { out_ += std::to_string(number); }
  void write(const std::uint32_t& number) { out_ += std::to_string(number); }
  void write(const std::uint64_t& number) { out_ += std::to_string(number); }
  void write(const std::vector<std::string>& texts);
  template <class T>
  void write(const Members<T>& members) {
    begin('{');
    for (const auto& [key, value] : members) {
      separate();
      write(key);
      out_ += ':';
      visit(*this, value);
      first_ = false;
    }
    end('}');
  }

  void begin(char bracket) {
    out_ += bracket;
    first_ = true;
  }
  void end(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  std::string& out_;
  bool first_ = true;
};

class CanonicalReader {
 public:
  explicit CanonicalReader(std::string_view in) : in_(in) {}
  void open() { begin('{'); }
  void close() { end('}'); }
  template <class T>
  void member(std::string_view name, T& value) {
    separate();
    take('"');
    take(name);
    take("\":");
    read(value);
  }
  void constant(std::string_view name, int number) {
    int found = 0;
    member(name, found);
    good_ = good_ && found == number;
  }
  // Whether all of it was read, and nothing was wrong.
  bool done() const { return good_ && at_ == in_.size(); }

 private:
  void read(std::string& text);
  void read(bool& flag);
  void read(int& number);
  void read(std::int64_t& number);
  void read(std::uint32_t& number);
  void read(std::uint64_t& number);
  void read(std::vector<std::string>& texts);
  template <class T>
  void read(Members<T>& members) {
    begin('{');
    while (good_ && !next_is('}')) {
      separate();
      std::string key;
      read(key);
      take(':');
      T value;
      visit(*this, value);
      first_ = false;
      if (!members.empty() && key <= members.rbegin()->first) good_ = false;
      members.emplace_hint(members.end(), std::move(key), std::move(value));
    }
    end('}');
  }

  void read_escape(std::string& text);
  template <class Number>
  void read_number(Number& number);
  bool next_is(char c) const { return at_ < in_.size() && in_[at_] == c; }
  void take(char c) { take(std::string_view(&c, 1)); }
  void take(std::string_view literal) {
    good_ = good_ && in_.substr(at_).starts_with(literal);
    if (good_) at_ += literal.size();
  }
  void begin(char bracket) {
    take(bracket);
    first_ = true;
  }
  void end(char bracket) {
    take(bracket);
    first_ = false;
  }
  void separate() {
    if (!first_) take(',');
    first_ = false;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  bool good_ = true;
  bool first_ = true;
};

template <class T>
std::string to_canonical(const T& object) {
  std::string out;
  out.reserve(1'024);
  CanonicalWriter writer(out);
  visit(writer, object);
  return out;
}

// False where the text is not exactly such an object; `object` is then worth nothing.
template <class T>
bool from_canonical(std::string_view text, T& object) {
  CanonicalReader reader(text);
  visit(reader, object);
  return reader.done();
}

}  // namespace tidegate::peer
