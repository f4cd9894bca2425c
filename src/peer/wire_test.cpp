#include "peer/wire.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace tidegate::peer {
namespace {

const HmacKey link_key(std::string(32, 's'));

Report report() {
  return {
      .epoch = 18'446'744'073'709'551'615u,
      .sequence = 7,
      .running_for_reader = 2,
      .draining = true,
      .drained = true,
      .catalog_epoch = 3,
      .models = {{"amazon.nova-2-lite-v1:0", {.ready = true, .slots = 2, .busy = 1, .waiting = 3}},
                 {"cohere.embed-v4:0", {}}},
      .operations = {"Converse", "ConverseStream"}};
}

TEST(Report, RoundTripsAsOneLine) {
  const std::string line = report().encode();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto decoded = Report::decode(line);
  ASSERT_TRUE(decoded) << decoded.error().why;
  EXPECT_EQ(decoded->epoch, report().epoch);
  EXPECT_EQ(decoded->sequence, 7u);
  EXPECT_EQ(decoded->running_for_reader, 2u);
  EXPECT_TRUE(decoded->draining);
  EXPECT_TRUE(decoded->drained);
  EXPECT_EQ(decoded->catalog_epoch, 3u);
  EXPECT_EQ(decoded->operations, report().operations);
  ASSERT_EQ(decoded->models.size(), 2u);
  const ModelLoad& load = decoded->models.at("amazon.nova-2-lite-v1:0");
  EXPECT_TRUE(load.ready);
  EXPECT_EQ(load.slots, 2u);
  EXPECT_EQ(load.busy, 1u);
  EXPECT_EQ(load.waiting, 3u);
  EXPECT_TRUE(Report::decode(Report().encode()));
}

TEST(Report, RefusesEverythingElse) {
  const std::string line = report().encode();
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string out = line;
    const auto at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
  };
  for (const std::string& bad : {
           std::string(),
           std::string("\n"),
           std::string("{}\n"),
           std::string("[]\n"),
           line.substr(0, line.size() - 1),
           line + "\n",
           line + line,
           " " + line,
           with("\"sequence\":7", "\"sequence\":-7"),
           with("\"sequence\":7", "\"sequence\":7.5"),
           with("\"sequence\":7", "\"sequence\":\"7\""),
           with("\"sequence\":7", "\"sequence\":7,\"zone\":1"),
           with("\"protocol\":3", "\"protocol\":2"),
           with("\"draining\":true", "\"draining\":1"),
           with("\"catalogEpoch\":3", "\"catalogEpoch\":-3"),
           with("\"slots\":2", "\"slots\":4294967298"),
           with("\"slots\":2", "\"slots\":2,\"slots\":2"),
           with("\"cohere.embed-v4:0\":{", "\"cohere.embed-v4:0\":{\"x\":1,"),
           with("\"Converse\"", "1"),
           std::string(limits::report_bytes_max, ' ') + line,
       }) {
    const auto decoded = Report::decode(bad);
    ASSERT_FALSE(decoded) << bad;
    EXPECT_EQ(decoded.error().code, ErrorCode::peer_unavailable);
  }
}

Trailer trailer() {
  return {.request_id = "3f0c6a2e-8d1b-4c55-9f7a-2b6f1d0e9a77",
          .region = "eu-central-1",
          .outcome = "success",
          .error_message = "",
          .model_name = "smollm2-135m-instruct",
          .stop_reason = "end_turn",
          .input_tokens = 9,
          .output_tokens = 4,
          .cache_read_tokens = 1,
          .cache_write_tokens = 2,
          .first_byte_ms = 171,
          .total_ms = 412,
          .row_hash = sha256("row"),
          .answer_sha256 = sha256("answer")};
}

TEST(Trailer, RoundTrips) {
  const auto opened = Trailer::open(trailer().sign(link_key), link_key);
  ASSERT_TRUE(opened) << opened.error().why;
  EXPECT_EQ(opened->request_id, trailer().request_id);
  EXPECT_EQ(opened->region, "eu-central-1");
  EXPECT_EQ(opened->outcome, "success");
  EXPECT_EQ(opened->model_name, "smollm2-135m-instruct");
  EXPECT_EQ(opened->stop_reason, "end_turn");
  EXPECT_EQ(opened->input_tokens, 9);
  EXPECT_EQ(opened->output_tokens, 4);
  EXPECT_EQ(opened->cache_read_tokens, 1);
  EXPECT_EQ(opened->cache_write_tokens, 2);
  EXPECT_EQ(opened->first_byte_ms, 171);
  EXPECT_EQ(opened->total_ms, 412);
  EXPECT_EQ(opened->row_hash, sha256("row"));
  EXPECT_EQ(opened->answer_sha256, sha256("answer"));
}

TEST(Trailer, EveryChangedByteIsNoticed) {
  const std::string wire = trailer().sign(link_key);
  for (std::size_t i = 0; i < wire.size(); ++i) {
    std::string changed = wire;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed != wire) EXPECT_FALSE(Trailer::open(changed, link_key)) << i;
  }
  EXPECT_FALSE(Trailer::open(wire, HmacKey(std::string(32, 't'))));
  EXPECT_FALSE(Trailer::open("", link_key));
}

TEST(RequestFront, IsReadOnceItIsWhole) {
  const std::string traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const std::string front = request_front("token", traceparent);
  for (std::size_t size = 0; size < front.size(); ++size) {
    const auto begun = RequestFront::read(std::string_view(front).substr(0, size));
    ASSERT_TRUE(begun);
    EXPECT_FALSE(*begun) << size;
  }
  const std::string body = front + "what the client sent";
  const auto whole = RequestFront::read(body);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->token, "token");
  EXPECT_EQ((*whole)->traceparent, traceparent);
  EXPECT_EQ((*whole)->size(), front.size());
  for (const std::string& token : {std::string(), std::string(limits::token_bytes_max + 1, 't')}) {
    const std::string wrong = request_front(token, traceparent);
    const auto refused = RequestFront::read(wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().why, "no_token");
  }
}

// However a connection cuts it.
TEST(AnswerReader, TakesAnAnswerApart) {
  std::string body;
  append_headers(body, {{"content-type", "application/json"}, {"x-tidegate-model", "smollm2"}});
  append_piece(body, "one ");
  append_piece(body, "");
  append_piece(body, std::string(70'000, '2'));
  append_piece(body, " three");
  append_end(body, "the trailer");
  const std::string whole = "one " + std::string(70'000, '2') + " three";
  for (const std::size_t step : {1uz, 2uz, 3uz, 5uz, 1'000uz, 16'384uz, body.size()}) {
    AnswerReader reader;
    std::string answer;
    for (std::size_t at = 0; at < body.size(); at += step) {
      if (answer.size() < whole.size()) EXPECT_FALSE(reader.trailer());
      ASSERT_TRUE(reader.feed(std::string_view(body).substr(at, step), answer));
    }
    EXPECT_EQ(answer, whole) << step;
    ASSERT_TRUE(reader.headers());
    EXPECT_EQ(reader.headers()->size(), 2u);
    EXPECT_EQ(reader.headers()->get("content-type"), "application/json");
    EXPECT_EQ(reader.headers()->get("x-tidegate-model"), "smollm2");
    EXPECT_EQ(reader.trailer(), "the trailer") << step;
  }
}

TEST(AnswerReader, AnAnswerThatIsCutHasNoTrailer) {
  std::string body;
  append_headers(body, {{"a", "b"}});
  const std::size_t headers_end = body.size();
  append_piece(body, "answer");
  append_end(body, "the trailer");
  for (std::size_t size = 0; size < headers_end + 4 + 6 + 4; ++size) {
    AnswerReader reader;
    std::string answer;
    ASSERT_TRUE(reader.feed(std::string_view(body).substr(0, size), answer));
    EXPECT_FALSE(reader.trailer()) << size;
    EXPECT_EQ(reader.headers() != nullptr, size >= headers_end) << size;
  }
}

TEST(AnswerReader, RefusesHeadersThatAreNone) {
  const auto refused = [](std::string_view packed) {
    std::string body, answer;
    append_piece(body, packed);
    return !AnswerReader().feed(body, answer);
  };
  std::string good;
  append_headers(good, {{"a", "b"}});
  good.erase(0, 4);
  EXPECT_FALSE(refused(good));
  EXPECT_TRUE(refused(good + "x"));
  EXPECT_TRUE(refused(good.substr(0, good.size() - 1)));
  const auto packed = [](std::size_t count, std::size_t value_bytes) {
    http::Headers headers;
    for (std::size_t n = 0; n < count; ++n) headers.add("name", std::string(value_bytes, 'v'));
    std::string body;
    append_headers(body, headers);
    return body.substr(4);
  };
  EXPECT_FALSE(refused(packed(limits::header_count_max, 1)));
  EXPECT_TRUE(refused(packed(limits::header_count_max + 1, 1)));
  constexpr std::size_t each = limits::header_bytes_max / 16 - 8;  // with its name and two lengths
  EXPECT_FALSE(refused(packed(15, each)));
  EXPECT_TRUE(refused(packed(16, each)));  // and the two octets of their number
  std::string split;                       // a value that would end its line
  append_headers(split, {{"a", "b\r\nx-tidegate-inference-region: eu-west-1"}});
  EXPECT_TRUE(refused(split.substr(4)));
  for (const std::string_view value : {" b", "b\t", "b\x7f"}) {
    std::string blank;
    append_headers(blank, {{"a", value}});
    EXPECT_TRUE(refused(blank.substr(4))) << value;
  }
  for (const std::string_view name : {"", "x-amzn-bedrock-\r\nset-cookie", "a b", "a:"}) {
    std::string named;
    append_headers(named, {{name, "b"}});
    EXPECT_TRUE(refused(named.substr(4))) << name;
  }
  std::string answer;
  EXPECT_FALSE(AnswerReader().feed(std::string(4, '\0'), answer)) << "no headers at all";
  EXPECT_FALSE(AnswerReader().feed("\xff\xff\xff\xff", answer)) << "four gigabytes of them";
}

TEST(AnswerReader, HoldsNoMoreThanATrailer) {
  AnswerReader reader;
  std::string body, answer;
  append_headers(body, {});
  append_end(body, std::string(limits::trailer_bytes_max, 't'));
  ASSERT_TRUE(reader.feed(body, answer));
  EXPECT_FALSE(reader.feed("t", answer));
  EXPECT_TRUE(answer.empty());
}

TEST(Trailer, CutsALongMessageBetweenCharacters) {
  Trailer t = trailer();
  t.error_message = "x";
  while (t.error_message.size() < 2 * limits::trailer_message_bytes_max)
    t.error_message += "\xc3\xa9";
  const auto opened = Trailer::open(t.sign(link_key), link_key);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->error_message.size(), limits::trailer_message_bytes_max - 1);
  t.error_message = "\xff";
  EXPECT_TRUE(Trailer::open(t.sign(link_key), link_key));
}

}  // namespace
}  // namespace tidegate::peer
