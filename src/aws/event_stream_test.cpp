#include "aws/event_stream.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "aws/sigv4.hpp"
#include "base/bytes.hpp"
#include "base/json.hpp"

namespace tidegate::aws {
namespace {

const std::filesystem::path vectors =
    std::filesystem::path(TIDEGATE_SOURCE_DIR) / "../shared/vectors";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return (std::stringstream() << file.rdbuf()).str();
}

json::value read_json(const std::filesystem::path& path) {
  return *json::parse(read_file(path));
}

#define NEEDS_VECTORS() \
  if (!std::filesystem::exists(vectors)) GTEST_SKIP() << "no golden vectors at " << vectors

// The messages of `bytes`, fed in pieces of `piece` bytes; an error ends it.
Result<std::vector<EventMessage>> decode(std::string_view bytes, std::size_t piece) {
  EventStreamDecoder decoder;
  std::vector<EventMessage> out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    decoder.feed(bytes.substr(at, piece));
    for (;;) {
      TRY(auto message, decoder.next());
      if (!message) break;
      out.push_back(*std::move(message));
    }
  }
  if (!decoder.empty()) return fail(ErrorCode::internal, "cut off");
  return out;
}

std::string encode(const std::vector<EventMessage>& messages) {
  std::string out;
  for (const auto& message : messages) out += encode_message(message);
  return out;
}

std::string message_with(std::vector<EventHeader> headers) {
  return encode_message({.headers = std::move(headers), .payload = "x"});
}

TEST(EventStream, EventsAreWhatAwsSends) {
  std::string out = "before";
  append_event(out, "messageStart", R"({"role":"assistant"})");
  append_exception(out, "throttlingException", R"({"message":"m"})");
  const auto messages = decode(std::string_view(out).substr(6), 1);
  ASSERT_TRUE(messages);
  ASSERT_EQ(messages->size(), 2U);
  const auto& event = messages->front();
  ASSERT_EQ(event.headers.size(), 3U);
  EXPECT_EQ(event.headers[0].name, ":event-type");
  EXPECT_EQ(event.headers[1].name, ":content-type");
  EXPECT_EQ(event.headers[2].name, ":message-type");
  EXPECT_EQ(event.string_header(":event-type"), "messageStart");
  EXPECT_EQ(event.string_header(":content-type"), "application/json");
  EXPECT_EQ(event.string_header(":message-type"), "event");
  EXPECT_EQ(event.string_header("absent"), std::nullopt);
  EXPECT_EQ(event.payload, R"({"role":"assistant"})");
  EXPECT_EQ(messages->back().string_header(":exception-type"), "throttlingException");
  EXPECT_EQ(messages->back().string_header(":message-type"), "exception");
  EXPECT_EQ(encode(*messages), out.substr(6));
}

TEST(EventStream, EveryHeaderTypeRoundTrips) {
  using H = EventHeader;
  const std::vector<H> headers{
      {"yes", true},
      {"no", false},
      {"int8", std::int8_t{-128}},
      {"int16", std::int16_t{-2}},
      {"int32", std::int32_t{-3}},
      {"int64", std::int64_t{-4}},
      {"blob", H::Blob{std::string("\0\xff", 2)}},
      {"string", std::string("caf\xc3\xa9")},
      {"timestamp", H::Timestamp{1'764'000'000'123}},
      {"uuid", H::Uuid{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}},
  };
  const std::string bytes = message_with(headers);
  const auto messages = decode(bytes, 7);
  ASSERT_TRUE(messages);
  ASSERT_EQ(messages->front().headers.size(), headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    EXPECT_EQ(messages->front().headers[i].name, headers[i].name);
    EXPECT_TRUE(messages->front().headers[i].value == headers[i].value) << headers[i].name;
  }
}

TEST(EventStream, RefusesMalformedMessagesAndStaysInError) {
  // A frame whose lengths and checksums are right, so that only the headers are at fault.
  const auto framed = [](std::string_view headers) {
    std::string good = message_with({{"n", EventHeader::Blob{std::string(headers)}}});
    return good;
  };
  std::string corrupt = framed("abc");
  corrupt[14] = static_cast<char>(corrupt[14] ^ 1);
  const std::string false_length = *from_hex("7fffffff00000000") + std::string(4, '\0');
  const std::string twice = message_with({{"a", true}, {"a", false}});
  for (const std::string& bad : {corrupt, false_length, twice}) {
    EventStreamDecoder decoder;
    decoder.feed(bad);
    const auto refused = decoder.next();
    ASSERT_FALSE(refused) << to_hex(bad);
    EXPECT_EQ(refused.error().code, ErrorCode::validation);
    decoder.feed(message_with({}));
    EXPECT_FALSE(decoder.next());
    EXPECT_FALSE(decoder.next_raw());
  }
}

TEST(EventStream, RawGivesWholeMessagesOnlyAndGoodOnesBeforeAnError) {
  std::string first, second;
  append_event(first, "a", "{}");
  append_event(second, "b", R"({"x":1})");
  const std::string stream = first + second;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    EventStreamDecoder decoder;
    decoder.feed(std::string_view(stream).substr(0, cut));
    const auto raw = *decoder.next_raw();
    const std::string whole = cut == stream.size() ? stream : cut >= first.size() ? first : "";
    EXPECT_EQ(raw.value_or(""), whole);
    EXPECT_EQ(raw.has_value(), !whole.empty());
    decoder.feed(std::string_view(stream).substr(cut));
    EXPECT_EQ(whole + (*decoder.next_raw()).value_or(""), stream);
    EXPECT_TRUE(decoder.empty());
  }
  second.back() = static_cast<char>(second.back() ^ 1);
  EventStreamDecoder decoder;
  decoder.feed(first + second);
  EXPECT_EQ((*decoder.next_raw()).value_or(""), first);
  EXPECT_FALSE(decoder.next_raw());
}

TEST(EventStreamVectors, BotocoreMessages) {
  NEEDS_VECTORS();
  const json::value document = read_json(vectors / "botocore/eventstream.json");
  for (const auto& item : document.at("positive").as_array()) {
    const std::string bytes = *from_hex(std::string_view(item.at("hex").as_string()));
    const auto messages = decode(bytes, 5);
    ASSERT_TRUE(messages) << messages.error().message;
    ASSERT_EQ(messages->size(), 1U);
    EXPECT_EQ(encode(*messages), bytes);
    EXPECT_EQ(to_hex(messages->front().payload),
              std::string_view(item.at("payloadHex").as_string()));
    EXPECT_EQ(messages->front().headers.size(), item.at("headers").as_object().size());
  }
  for (const auto& item : document.at("negative").as_array()) {
    EXPECT_FALSE(decode(*from_hex(std::string_view(item.at("hex").as_string())), 9))
        << json::serialize(item);
  }
}

TEST(EventStreamVectors, GoSdkMessages) {
  NEEDS_VECTORS();
  std::size_t seen = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(vectors / "eventstream-go/encoded/positive")) {
    const std::string bytes = read_file(file.path());
    const json::value expected =
        read_json(vectors / "eventstream-go/decoded/positive" / file.path().filename());
    const auto messages = decode(bytes, 3);
    ASSERT_TRUE(messages) << file.path();
    ASSERT_EQ(messages->size(), 1U);
    EXPECT_EQ(encode(*messages), bytes) << file.path();
    EXPECT_EQ(to_base64(messages->front().payload),
              std::string_view(expected.at("payload").as_string()));
    const auto& headers = expected.at("headers").as_array();
    ASSERT_EQ(messages->front().headers.size(), headers.size());
    for (std::size_t i = 0; i < headers.size(); ++i) {
      EXPECT_EQ(messages->front().headers[i].name,
                std::string_view(headers[i].at("name").as_string()));
    }
    ++seen;
  }
  EXPECT_EQ(seen, 5U);
  for (const auto& file :
       std::filesystem::directory_iterator(vectors / "eventstream-go/encoded/negative")) {
    const auto refused = decode(read_file(file.path()), 100);
    ASSERT_FALSE(refused) << file.path();
    const bool prelude =
        read_file(vectors / "eventstream-go/decoded/negative" / file.path().filename())
            .starts_with("Prelude");
    EXPECT_NE(refused.error().message.find(prelude ? "prelude" : "message is wrong"),
              std::string::npos)
        << file.path() << refused.error().message;
  }
}

std::int64_t millis_of(std::string_view iso8601) {
  const auto time = parse_iso8601(iso8601).value_or(WallTime{});
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// The value of one header as Smithy's tests write it: {"short": 2}, {"blob": "Zm9v"}, ...
EventHeader::Value value_of(const json::object& typed) {
  const auto& [type, value] = *typed.begin();
  const auto text = [&] { return std::string(std::string_view(value.as_string())); };
  const auto number = [&] { return json::find_int(typed, type).value_or(0); };
  if (type == "boolean") return value.as_bool();
  if (type == "byte") return static_cast<std::int8_t>(number());
  if (type == "short") return static_cast<std::int16_t>(number());
  if (type == "integer") return static_cast<std::int32_t>(number());
  if (type == "long") return number();
  if (type == "blob") return EventHeader::Blob{from_base64(text()).value_or("not base64")};
  if (type == "timestamp") return EventHeader::Timestamp{millis_of(text())};
  return text();
}

TEST(EventStreamVectors, SmithyMessages) {
  NEEDS_VECTORS();
  const json::value suite = read_json(vectors / "smithy/restJson1.json");
  std::size_t seen = 0;
  for (const auto& test : suite.at("eventStreamTests").as_array()) {
    const auto* events = json::find_array(test.as_object(), "events");
    if (!events) continue;  // only about the first request or answer
    for (const auto& event : *events) {
      SCOPED_TRACE(std::string_view(test.at("id").as_string()));
      const std::string bytes =
          from_base64(std::string_view(event.at("bytes").as_string())).value_or("");
      const auto messages = decode(bytes, 7);
      ASSERT_TRUE(messages) << messages.error().message;
      ASSERT_EQ(messages->size(), 1U);
      EXPECT_EQ(encode(*messages), bytes);
      const auto& expected = event.at("headers").as_object();
      ASSERT_EQ(messages->front().headers.size(), expected.size());
      for (const EventHeader& header : messages->front().headers) {
        EXPECT_TRUE(header.value == value_of(expected.at(header.name).as_object())) << header.name;
      }
      const auto body = json::find_string(event.as_object(), "body");
      EXPECT_EQ(messages->front().payload, body.value_or(""));
      ++seen;
    }
  }
  EXPECT_EQ(seen, 92U);
}

TEST(EventStreamVectors, BedrockCapturesReencodeToTheSameBytes) {
  NEEDS_VECTORS();
  std::size_t seen = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(vectors / "agentgateway")) {
    if (file.path().extension() != ".bin") continue;
    const std::string bytes = read_file(file.path());
    if (file.path().filename() == "bedrock-broken.bin") {
      EXPECT_FALSE(decode(bytes, 64));
      continue;
    }
    const auto messages = decode(bytes, 11);
    ASSERT_TRUE(messages) << file.path() << messages.error().message;
    EXPECT_EQ(encode(*messages), bytes) << file.path();
    std::string again;
    bool all_events = true;
    for (const auto& message : *messages) {
      const auto type = message.string_header(":event-type");
      // Some of them are hand-made and have no content type.
      all_events = all_events && type && message.headers.size() == 3;
      if (type) append_event(again, *type, message.payload);
    }
    if (all_events) EXPECT_EQ(again, bytes) << file.path();
    EventStreamDecoder decoder;
    decoder.feed(bytes);
    EXPECT_EQ((*decoder.next_raw()).value_or(""), bytes);
    ++seen;
  }
  EXPECT_GE(seen, 5U);
}

}  // namespace
}  // namespace tidegate::aws
