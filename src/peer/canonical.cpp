#include "peer/canonical.hpp"

#include <charconv>
#include <limits>

#include "base/bytes.hpp"
#include "base/json.hpp"

namespace tidegate::peer {
namespace {

bool is_plain(char c) {
  return (static_cast<unsigned char>(c) >= 0x20) & (c != '"') & (c != '\\');
}

}  // namespace

void CanonicalWriter::write(const std::string& text) {
  json::append_quoted(out_, text);
}

void CanonicalWriter::write(const std::vector<std::string>& texts) {
  begin('[');
  for (const std::string& text : texts) {
    separate();
    write(text);
  }
  end(']');
}

void CanonicalReader::read(std::string& text) {
  take('"');
  text.clear();
  // Nearly always there is nothing special in it: looked at without a branch a character.
  if (const auto quote = in_.find('"', at_); good_ && quote != std::string_view::npos) {
    const std::string_view whole = in_.substr(at_, quote - at_);
    bool plain = true;
    for (const char c : whole) plain &= is_plain(c);
    if (plain) {
      text = whole;
      at_ = quote;
    }
  }
  while (good_ && at_ < in_.size() && in_[at_] != '"') {
    const std::size_t start = at_;
    while (at_ < in_.size() && is_plain(in_[at_])) ++at_;
    text.append(in_, start, at_ - start);
    if (next_is('\\')) {
      read_escape(text);
    } else if (!next_is('"')) {
      good_ = false;  // a control character, or the end
    }
  }
  take('"');
  good_ = good_ && is_valid_utf8(text);
}

// The character that the escape stands for, if RFC 8785 writes it by just this escape.
void CanonicalReader::read_escape(std::string& text) {
  const std::size_t start = at_;
  const std::size_t length = in_.substr(at_).starts_with("\\u") ? 6 : 2;
  const std::string_view escape = in_.substr(start, length);
  for (unsigned char c = 0; c <= '\\'; ++c) {
    if (is_plain(static_cast<char>(c))) continue;
    std::string written;
    json::append_quoted(written, std::string(1, static_cast<char>(c)));
    if (std::string_view(written).substr(1, written.size() - 2) != escape) continue;
    text += static_cast<char>(c);
    at_ += length;
    return;
  }
  good_ = false;
}

void CanonicalReader::read(bool& flag) {
  flag = next_is('t');
  take(flag ? "true" : "false");
}

// Digits as std::to_string writes them: read, written again, compared.
template <class Number>
void CanonicalReader::read_number(Number& number) {
  const auto [end, error] = std::from_chars(in_.data() + at_, in_.data() + in_.size(), number);
  if (error != std::errc{}) {
    good_ = false;
    return;
  }
  const auto length = static_cast<std::size_t>(end - (in_.data() + at_));
  char digits[24];
  const auto written = std::to_chars(digits, digits + sizeof digits, number).ptr;
  good_ = good_ && in_.substr(at_, length) == std::string_view(digits, written);
  at_ += length;
}

void CanonicalReader::read(int& number) {
  read_number(number);
}
void CanonicalReader::read(std::int64_t& number) {
  read_number(number);
}
void CanonicalReader::read(std::uint32_t& number) {
  read_number(number);
}
void CanonicalReader::read(std::uint64_t& number) {
  read_number(number);
}

void CanonicalReader::read(std::vector<std::string>& texts) {
  begin('[');
  while (good_ && !next_is(']')) {
    separate();
    read(texts.emplace_back());
  }
  end(']');
}

}  // namespace tidegate::peer
