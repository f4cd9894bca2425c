#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/byte_blocks.hpp"
#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/rng.hpp"
#include "base/virtual_loop.hpp"

namespace tidegate {
namespace {

TEST(Bytes, DigestsAgreeWithPublishedVectors) {
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test cases 2 and 6
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(std::string(131, '\xaa'),
                               "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Bytes, AHashOfPiecesIsTheHashOfTheWhole) {
  Sha256Hasher hasher;
  for (const char* piece : {"a", "", "bc"}) hasher.update(piece);
  EXPECT_EQ(hasher.finish(), sha256("abc"));
}

TEST(Bytes, Base64RoundTripsAndIsStrict) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(from_base64(to_base64(text)), text);
    EXPECT_EQ(from_base64url(to_base64url(text)), text);
  }
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(to_base64url("foob"), "Zm9vYg");
  EXPECT_FALSE(from_base64("Zm9vYh=="));  // stray bits
  EXPECT_FALSE(from_base64("Zm9v Yg="));
  EXPECT_FALSE(from_hex("0g"));
}

// In every length around the sizes of the blocks, and at every place.
TEST(Bytes, ABadByteIsFoundWhereverItIs) {
  for (std::size_t size = 0; size <= 70; ++size) {
    std::string text(size, 'a');
    EXPECT_TRUE(has_none(text, [](auto v) { return v == '!'; })) << size;
    EXPECT_TRUE(is_valid_utf8(text)) << size;
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = '!';
      EXPECT_FALSE(has_none(text, [](auto v) { return v == '!'; })) << size << ' ' << at;
      text[at] = '\x80';
      EXPECT_FALSE(is_valid_utf8(text)) << size << ' ' << at;
      text[at] = 'a';
    }
  }
}

TEST(Bytes, DigitsOfEveryLengthAreReadBack) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string expected;
    for (const char c : bytes) expected += fmt::format("{:02x}", static_cast<unsigned char>(c));
    EXPECT_EQ(to_hex(bytes), expected) << i;
    EXPECT_EQ(from_hex(to_hex(bytes)), bytes) << i;
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes) << i;
    const std::string url = to_base64url(bytes);
    EXPECT_EQ(from_base64url(url), bytes) << i;
    if (!url.empty()) {
      std::string bad = url;
      bad[static_cast<std::size_t>(i) % bad.size()] = '+';
      EXPECT_FALSE(from_base64url(bad)) << i;
    }
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Bytes, Utf8IsRfc3629) {
  EXPECT_TRUE(is_valid_utf8("caf\xc3\xa9 \xf0\x9f\x8c\x8a"));
  for (const char* bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << to_hex(bad);
  }
}

TEST(Json, RefusesWhatTwoReadersCouldReadDifferently) {
  EXPECT_TRUE(json::parse(R"({"a":{"b":":"},"c":["x:y"]})"));
  for (const char* bad : {R"({"a":1,"a":2})", R"({"x":{"a":1,"\u0061":2}})", R"({"a":1} x)",
                          R"({"a":)", "{'a':1}", "[1,]", "\"\xff\"", "NaN", "1e309", ""}) {
    const auto result = json::parse(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, ErrorCode::malformed_json);
  }
  EXPECT_FALSE(json::parse(std::string(100, '[') + std::string(100, ']')));
}

TEST(Json, StringsWithEscapesAreReadAsTheLibraryReadsThem) {
  const char* const strings[] = {
      R"("")",
      R"("\n")",
      R"("a\"b\\c\/d")",
      R"("\b\f\n\r\t")",
      R"("\u0041\u00e9\u20ac")",
      R"("\ud83c\udf0a")",
      R"("\u0000")",
      "\"caf\xc3\xa9\\n\"",
      "\"\x7f\"",
      "\"\x7f"
      "0\"",
      "\"\x7f"
      "1\\n\"",
      R"("plain")",
  };
  for (const std::string first : strings) {
    for (const std::string second : strings) {
      for (const std::string& text :
           {"[" + first + "," + second + "]", "{" + first + ":" + second + "}",
            "[\"\\t\"," + first + "]"}) {
        const auto ours = json::parse(text);
        ASSERT_TRUE(ours) << text;
        EXPECT_EQ(*ours, boost::json::parse(text)) << text;
      }
    }
  }
  for (const char* bad :
       {R"(["\x"])", R"(["\u12"])", R"(["\u12g4"])", R"(["\ud83c"])", R"(["\ud83c\u0041"])",
        R"(["\udf0a"])", "[\"\\n\x01\"]", "[\"\\n\xff\"]", R"(["\n)", R"(["\)", R"([\"a"])",
        R"(["a"\n])", R"({"\n":1,"\u000a":2})"}) {
    const auto result = json::parse(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, ErrorCode::malformed_json);
  }
  const auto place = json::parse("[\"\\n\\n\\n\",x]");
  EXPECT_TRUE(place.error().message.contains("byte 10")) << place.error().message;
}

TEST(Json, NumbersAreReadExactly) {
  for (const char* text : {"9.314674407370955E18", "1E-400", "1.7976931348623157E308", "5E-324"}) {
    const auto value = json::parse(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(value->as_double(), std::strtod(text, nullptr)) << text;
  }
}

TEST(Json, CanonicalFormIsRfc8785) {
  const auto v = json::parse(
      R"({"b":[1.0,1e30,4.5,2e-3,1e-27,0.000001],"a":"\u20ac\n\u000f","\ufb33":1,"\ud83d\ude00":2})");
  ASSERT_TRUE(v);
  EXPECT_EQ(json::canonical(*v),
            "{\"a\":\"\xe2\x82\xac\\n\\u000f\",\"b\":[1,1e+30,4.5,0.002,1e-27,0.000001],"
            "\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":1}");
}

Task<void> record_wake(Event& event, MonoTime deadline, Cancellation* cancellation,
                       std::vector<Wake>& out) {
  out.push_back(co_await event.wait_until(deadline, cancellation));
}

TEST(VirtualLoop, EventsWakeByWhatHappensFirst) {
  VirtualLoop loop;
  std::vector<Wake> wakes;
  Event event(loop);
  Cancellation cancellation;
  spawn(record_wake(event, loop.now() + 1s, nullptr, wakes));
  loop.run_for(2s);
  spawn(record_wake(event, loop.now() + 1s, nullptr, wakes));
  event.set();
  loop.run_for(0s);
  spawn(record_wake(event, loop.now() + 1s, &cancellation, wakes));
  cancellation.request();
  loop.run_for(0s);
  EXPECT_EQ(wakes, (std::vector{Wake::timed_out, Wake::signalled, Wake::cancelled}));
}

TEST(Rng, UuidsAreVersion4) {
  SeededRng rng(1);
  const std::string uuid = make_uuid(rng);
  EXPECT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(make_uuid(rng), uuid);
}

}  // namespace
}  // namespace tidegate
