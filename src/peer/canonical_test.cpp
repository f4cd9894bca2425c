// The reader takes exactly what the writer writes, and the writer writes RFC 8785.
#include "peer/canonical.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "base/rng.hpp"

namespace tidegate::peer {
namespace {

struct Sample {
  bool flag = false;
  std::int64_t integer = 0;
  std::vector<std::string> list;
  std::string text;
  std::uint32_t word = 0;
};

template <class Codec, Is<Sample> S>
void visit(Codec& codec, S& s) {
  codec.open();
  codec.member("flag", s.flag);
  codec.member("integer", s.integer);
  codec.member("list", s.list);
  codec.member("text", s.text);
  codec.member("word", s.word);
  codec.constant("zone", 7);
  codec.close();
}

TEST(Canonical, WritesRfc8785AndReadsItBack) {
  SeededRng rng(7);
  const auto text = [&] {
    constexpr std::string_view parts[] = {"a",    "\"",   "\\", "\n",       "\x01",
                                          "\x1f", "\x7f", "/",  "\xc3\xa9", "\xf0\x9f\x8c\x8a"};
    std::string out;
    for (std::uint64_t n = rng.below(8); n > 0; --n) out += parts[rng.below(std::size(parts))];
    return out;
  };
  for (int round = 0; round < 1'000; ++round) {
    const Sample sample{.flag = rng.below(2) == 0,
                        .integer = static_cast<std::int64_t>(rng.next() >> rng.below(64)) *
                                   (rng.below(2) == 0 ? 1 : -1),
                        .list = std::vector<std::string>(rng.below(3), text()),
                        .text = text(),
                        .word = static_cast<std::uint32_t>(rng.next())};
    const std::string written = to_canonical(sample);
    const auto parsed = json::parse(written);
    ASSERT_TRUE(parsed) << written;
    EXPECT_EQ(json::canonical(*parsed), written);
    Sample read;
    ASSERT_TRUE(from_canonical(written, read)) << written;
    EXPECT_EQ(read.flag, sample.flag);
    EXPECT_EQ(read.integer, sample.integer);
    EXPECT_EQ(read.list, sample.list);
    EXPECT_EQ(read.text, sample.text);
    EXPECT_EQ(read.word, sample.word);
  }
}

TEST(Canonical, ReadsNothingElse) {
  const std::string good =
      R"({"flag":true,"integer":-5,"list":["a"],"text":"x","word":9,"zone":7})";
  Sample sample;
  ASSERT_TRUE(from_canonical(good, sample));
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(from_canonical(std::string_view(good).substr(0, length), sample));
  }
  const std::pair<std::string_view, std::string_view> changes[] = {
      {"true", "True"},
      {"true", "1"},
      {"true", "null"},
      {"-5", "-05"},
      {"-5", "-0"},
      {"-5", "+5"},
      {"-5", "5.0"},
      {"-5", "5e0"},
      {"-5", "\"5\""},
      {"-5", "9223372036854775808"},
      {"[\"a\"]", "[\"a\",]"},
      {"[\"a\"]", "[,\"a\"]"},
      {"[\"a\"]", "[1]"},
      {"[\"a\"]", "null"},
      {"\"x\"", "\"\\u0078\""},
      {"\"x\"", "\"\\/\""},
      {"\"x\"", "\"\\u000A\""},
      {"\"x\"", "\"\\u000a\""},
      {"\"x\"", "\"\\u001F\""},
      {"\"x\"", "\"\n\""},
      {"\"x\"", "\"\xff\""},
      {"\"x\"", "\"\xed\xa0\x80\""},
      {"\"x\"", "\"\\"},
      {"9", "4294967296"},
      {"9", "-9"},
      {"7}", "8}"},
      {"7}", "7,\"a\":1}"},
      {"7}", "7}}"},
      {"7}", "7} "},
      {"\"flag\":true,", ""},
      {"{\"flag\"", "{ \"flag\""},
      {"\"flag\":true,\"integer\":-5", "\"integer\":-5,\"flag\":true"},
      {"\"flag\":true", "\"flag\":true,\"flag\":true"},
  };
  for (const auto& [from, to] : changes) {
    std::string text = good;
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    EXPECT_FALSE(from_canonical(text, sample)) << text;
  }
}

}  // namespace
}  // namespace tidegate::peer
