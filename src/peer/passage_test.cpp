// One attempt abroad over a scripted channel: what reaches the client, when, and what each way of
// breaking costs.
#include "peer/passage.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "aws/event_stream.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "base/virtual_loop.hpp"

namespace tidegate::peer {
namespace {

const HmacKey link_key(std::string(32, 's'));
const Sha256 row_hash = sha256("the row");
const std::string request_body = R"({"messages":[]})";
const std::string traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Error link_broke() {
  return {.code = ErrorCode::peer_unavailable,
          .origin = Origin::peer,
          .message = "reset",
          .mend = {},
          .why = {}};
}

// What the peer answers, each piece as it goes over a link. A piece that is an Error breaks the
// answer there.
struct Script {
  Result<void> send;
  http::ResponseHead head{.status = 200, .headers = {{"content-type", "application/json"}}};
  std::vector<Result<std::string>> pieces;
  std::optional<std::string> trailer;  // sealed
  bool silent = false;                 // never a head
  std::optional<std::string> body{};   // instead of the last two, in pieces of that many octets
  std::size_t cut = 0;
};

class ScriptedAnswer final : public http::ClientExchange {
 public:
  ScriptedAnswer(const Script& script, Loop& loop, Cancellation* cancellation)
      : script_(script), loop_(loop), cancellation_(cancellation) {}
  Task<Result<http::ResponseHead>> head() override {
    if (script_.silent) {
      co_await sleep_for(loop_, 3600s, cancellation_);
      co_return fail(ErrorCode::cancelled, "the client has gone");
    }
    if (script_.head.status == 200) co_return http::ResponseHead();
    co_return script_.head;
  }
  Task<Result<std::string>> next_body() override {
    const std::size_t at = at_++;
    if (script_.body) {
      const std::size_t start = std::min(at * script_.cut, script_.body->size());
      co_return script_.body->substr(start, script_.cut);
    }
    if (at < script_.pieces.size()) {
      const auto& piece = script_.pieces[at];
      if (script_.head.status != 200 || !piece) co_return piece;
      std::string body = headers_once();
      append_piece(body, *piece);
      co_return body;
    }
    if (at == script_.pieces.size() && script_.trailer) {
      std::string body = headers_once();
      append_end(body, *script_.trailer);
      co_return body;
    }
    co_return std::string();
  }

 private:
  std::string headers_once() {
    std::string body;
    if (!std::exchange(headed_, true)) append_headers(body, script_.head.headers);
    return body;
  }

  const Script& script_;
  Loop& loop_;
  Cancellation* cancellation_;
  std::size_t at_ = 0;
  bool headed_ = false;
};

class ScriptedChannel final : public http::Channel {
 public:
  ScriptedChannel(Script script, Loop& loop) : script_(std::move(script)), loop_(loop) {
    info_.link_key = link_key;
  }
  Task<Result<std::unique_ptr<http::ClientExchange>>> send(http::ClientRequest request,
                                                           http::ClientTimeouts,
                                                           Cancellation* cancellation) override {
    sent = std::move(request);
    sent_body = std::string(sent.body);
    if (!script_.send) co_return std::unexpected(script_.send.error());
    co_return std::make_unique<ScriptedAnswer>(script_, loop_, cancellation);
  }
  const http::ConnectionInfo& connection() const override { return info_; }
  bool usable() const override { return true; }

  http::ClientRequest sent;
  std::string sent_body;

 private:
  const Script script_;
  Loop& loop_;
  http::ConnectionInfo info_;
};

class Client final : public http::Exchange {
 public:
  const http::RequestHead& head() const override { return head_; }
  const http::ConnectionInfo& connection() const override { return info_; }
  Task<Result<std::string>> next_body() override { co_return std::string(); }
  Task<Result<void>> begin(http::ResponseHead head) override {
    begun_ = true;
    answer = std::move(head);
    co_return Result<void>();
  }
  Task<Result<void>> write(std::string bytes) override {
    if (gone) co_return fail(ErrorCode::cancelled, "gone");
    writes.push_back(std::move(bytes));
    co_return Result<void>();
  }
  Task<Result<void>> finish(std::string) override { co_return Result<void>(); }
  bool begun() const override { return begun_; }
  Cancellation& cancellation() override { return cancellation_; }
  void abort() override {}

  std::string received() const {
    std::string all;
    for (const std::string& bytes : writes) all += bytes;
    return all;
  }
  http::ResponseHead answer;
  std::vector<std::string> writes;
  bool gone = false;

 private:
  http::RequestHead head_;
  http::ConnectionInfo info_;
  Cancellation cancellation_;
  bool begun_ = false;
};

Trailer trailer_for(std::string_view answer) {
  Trailer t;
  t.request_id = "rid";
  t.region = "eu-central-1";
  t.outcome = "success";
  t.model_name = "smollm2";
  t.input_tokens = 9;
  t.output_tokens = 4;
  t.row_hash = row_hash;
  t.answer_sha256 = sha256(answer);
  return t;
}

struct Journey {
  VirtualLoop loop;
  Client client;
  std::shared_ptr<ScriptedChannel> channel;
  std::optional<PassageResult> result;

  static Task<void> drive(Journey& run) {
    PassageResult result;
    result.answer_head.headers = {{"x-tidegate-inference-region", "eu-central-1"}};
    co_await pass(run.client, run.channel,
                  {.request_id = "rid",
                   .token = "token",
                   .traceparent = traceparent,
                   .body = request_body,
                   .region = "eu-central-1",
                   .row_hash = row_hash},
                  result, run.loop);
    run.result = std::move(result);
  }
  const PassageResult& start(Script script) {
    channel = std::make_shared<ScriptedChannel>(std::move(script), loop);
    spawn(drive(*this));
    return *result;
  }
};

Script unary(
    const std::string& answer, const std::function<void(Trailer&)>& change = [](Trailer&) {}) {
  Script script;
  script.pieces = {answer.substr(0, 3), answer.substr(3)};
  Trailer trailer = trailer_for(answer);
  change(trailer);
  script.trailer = trailer.sign(link_key);
  return script;
}

std::string event(std::string_view type, std::string_view payload = "{}") {
  std::string out;
  aws::append_event(out, type, payload);
  return out;
}

Script stream(
    std::vector<std::string> pieces,
    const std::function<void(Trailer&)>& change = [](Trailer&) {}) {
  Script script;
  script.head.headers.set("content-type", "application/vnd.amazon.eventstream");
  std::string all;
  for (std::string& piece : pieces) {
    all += piece;
    script.pieces.emplace_back(std::move(piece));
  }
  Trailer trailer = trailer_for(all);
  change(trailer);
  script.trailer = trailer.sign(link_key);
  return script;
}

TEST(Pass, SendsTheBodyUnderItsToken) {
  Journey run;
  run.start(unary("{\"output\":1}"));
  const http::ClientRequest& sent = run.channel->sent;
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(sent.target, execute_path);
  EXPECT_EQ(sent.front, std::string("\0\x05token", 7) + traceparent);
  EXPECT_TRUE(sent.headers.empty()) << "a link's head says what it must";
  EXPECT_EQ(run.channel->sent_body, request_body);
}

TEST(Pass, HoldsAUnaryAnswerUntilItsTrailerIsVerified) {
  Journey run;
  Script script = unary("{\"output\":1}");
  script.head.headers.add("x-tidegate-model", "smollm2");
  script.head.headers.add("server", "other");
  const PassageResult& result = run.start(std::move(script));
  ASSERT_FALSE(result.error) << result.error->why;
  EXPECT_FALSE(run.client.begun());
  EXPECT_EQ(result.answer_tail, "{\"output\":1}");
  EXPECT_EQ(result.answer_head.status, 200);
  EXPECT_EQ(result.answer_head.headers.get("content-type"), "application/json");
  EXPECT_EQ(result.answer_head.headers.get("x-tidegate-model"), "smollm2");
  EXPECT_EQ(result.answer_head.headers.get("x-tidegate-inference-region"), "eu-central-1");
  EXPECT_FALSE(result.answer_head.headers.get("server"));
  EXPECT_EQ(result.trailer.output_tokens, 4);
  EXPECT_EQ(result.bytes_sent, static_cast<std::int64_t>(request_body.size()));
  EXPECT_EQ(result.bytes_received, 12);
  EXPECT_NE(result.first_byte, MonoTime{});
}

// The headers alone, in halves, or with everything behind them.
TEST(Pass, ALinkMayCutAnAnswerAnywhere) {
  const auto whole_body = [](const Script& script) {
    std::string body;
    append_headers(body, script.head.headers);
    for (const auto& piece : script.pieces) append_piece(body, *piece);
    append_end(body, *script.trailer);
    return body;
  };
  const std::string events =
      event("messageStart") + event("contentBlockDelta") + event("messageStop") + event("metadata");
  for (Script script : {unary("{\"output\":1}"), stream({events})}) {
    const std::string body = whole_body(script);
    http::Headers headers = script.head.headers;
    std::string front;
    append_headers(front, headers);
    for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, front.size(), body.size()}) {
      script.body = body;
      script.cut = cut;
      Journey run;
      const PassageResult& result = run.start(script);
      ASSERT_FALSE(result.error) << cut << result.error->why;
      EXPECT_TRUE(result.attested);
      EXPECT_EQ(run.client.received() + result.answer_tail,
                script.pieces.size() == 1 ? events : "{\"output\":1}");
    }
  }
  Script cut = unary("{\"output\":1}");
  cut.body = whole_body(cut).substr(0, 9);
  Script split = unary("{\"output\":1}");
  split.head.headers.add("x-amzn-bedrock-a: b\r\nx-tidegate-inference-region", "eu-south-1");
  split.body = whole_body(split);
  for (Script& script : {std::ref(cut), std::ref(split)}) {
    script.cut = script.body->size();
    Journey run;
    const PassageResult& result = run.start(script);
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->code, ErrorCode::peer_unavailable);
    EXPECT_EQ(result.error->retry, Retry::other_region);
    EXPECT_EQ(result.first_byte, MonoTime{});
    EXPECT_FALSE(run.client.begun());
  }
}

TEST(Pass, ATrailerThatDoesNotHoldMeansInterrupted) {
  const std::function<void(Trailer&)> changes[] = {
      [](Trailer& t) { t.request_id = "another"; },
      [](Trailer& t) { t.answer_sha256 = sha256("other bytes"); },
  };
  std::vector<Script> scripts;
  for (const auto& change : changes) scripts.push_back(unary("{\"output\":1}", change));
  scripts.push_back(unary("{\"output\":1}"));
  scripts.back().trailer.reset();
  scripts.push_back(unary("{\"output\":1}"));
  scripts.back().trailer = trailer_for("{\"output\":1}").sign(HmacKey(std::string(32, 't')));
  scripts.push_back(unary("{\"output\":1}"));
  *scripts.back().trailer += *scripts.back().trailer;
  scripts.push_back(unary("{\"output\":1}"));
  scripts.back().trailer->resize(limits::trailer_bytes_max + 1);
  scripts.push_back(unary("{\"output\":1}"));
  scripts.back().pieces[1] = std::unexpected(link_broke());
  for (Script& script : scripts) {
    Journey run;
    const PassageResult& result = run.start(std::move(script));
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->code, ErrorCode::peer_unavailable);
    EXPECT_EQ(result.error->retry, Retry::other_region);
    EXPECT_TRUE(result.error->why.starts_with("interrupted")) << result.error->why;
    EXPECT_TRUE(result.answer_tail.empty());
    EXPECT_FALSE(run.client.begun());
  }
}

// A token must not wait for the next one: of each format only what may be the end is kept back.
TEST(Pass, ATrailerOfAnotherRegionOrRowIsAViolation) {
  const std::pair<std::string_view, std::function<void(Trailer&)>> changes[] = {
      {"trailer_region", [](Trailer& t) { t.region = "eu-west-2"; }},
      {"trailer_row", [](Trailer& t) { t.row_hash = sha256("another row"); }},
  };
  for (const auto& [rule, change] : changes) {
    Journey run;
    const PassageResult& result = run.start(unary("{\"output\":1}", change));
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->code, ErrorCode::fence_refused);
    EXPECT_EQ(result.error->retry, Retry::never);
    EXPECT_EQ(result.error->why, rule);
    EXPECT_TRUE(result.answer_tail.empty());
    EXPECT_FALSE(run.client.begun());
  }
}

TEST(Pass, EveryFormatsTokensLeaveAtOnce) {
  const auto chunk = [](std::string_view json) {
    return event("chunk", R"({"bytes":")" + to_base64(json) + R"("})");
  };
  struct Row {
    std::string type;
    std::vector<std::string> leaving;
    std::string last;
  };
  std::vector<Row> rows{{"text/event-stream; charset=utf-8",
                         {"data: {\"a\":1}\n\n", "data: {\"a\":2}\n\n"},
                         "data: [DONE]\n\n"},
                        {"text/event-stream",
                         {"event: content_block_delta\ndata: {}\n\n"},
                         "event: message_stop\ndata: {}\n\n"}};
  for (const std::string_view before : {"", "1", "12"}) {  // however it falls on base64's groups
    rows.push_back(
        {"application/vnd.amazon.eventstream",
         {chunk(R"({"delta":"amazon-bedrock"})"), chunk("{}")},
         chunk(R"({"x":")" + std::string(before) + R"(","amazon-bedrock-invocationMetrics":{}})")});
  }
  for (const Row& row : rows) {
    std::vector<std::string> pieces = row.leaving;
    pieces.push_back(row.last);
    Script script = stream(pieces);
    script.head.headers.set("content-type", row.type);
    Journey run;
    const PassageResult& result = run.start(std::move(script));
    ASSERT_FALSE(result.error) << result.error->why;
    EXPECT_EQ(run.client.writes, row.leaving);
    EXPECT_EQ(result.answer_tail, row.last);
  }
  Script cut = stream({"data: {}\n\n", "data: {"});
  cut.head.headers.set("content-type", "text/event-stream");
  Journey run;
  const PassageResult& result = run.start(std::move(cut));
  ASSERT_TRUE(result.error);
  EXPECT_EQ(run.client.received(), "data: {}\n\n");
}

TEST(Pass, StreamsWholeMessagesAndKeepsTheLastBack) {
  const std::string start = event("messageStart"), first = event("contentBlockDelta", R"({"a":1})"),
                    second = event("contentBlockDelta", R"({"a":2})"), stop = event("messageStop"),
                    metadata = event("metadata");
  Journey run;
  const PassageResult& result =
      run.start(stream({start, first.substr(0, 10), first.substr(10) + second.substr(0, 5),
                        second.substr(5) + stop, metadata}));
  ASSERT_FALSE(result.error) << result.error->why;
  EXPECT_EQ(run.client.writes, (std::vector{start, first, second, stop}));
  EXPECT_EQ(result.answer_tail, metadata);
  EXPECT_EQ(run.client.answer.headers.get("content-type"), "application/vnd.amazon.eventstream");
  EXPECT_EQ(run.client.answer.headers.get("x-tidegate-inference-region"), "eu-central-1");
}

TEST(Pass, OfEventsThatCouldBeTheLastTheNewestWaits) {
  const std::string one = event("other", "{\"n\":1}"), two = event("other", "{\"n\":2}"),
                    three = event("other", "{\"n\":3}");
  Journey run;
  const PassageResult& result = run.start(stream({one, two + three}));
  ASSERT_FALSE(result.error);
  EXPECT_EQ(run.client.received(), one + two);
  EXPECT_EQ(result.answer_tail, three);
}

TEST(Pass, AStreamThatBreaksAfterItsFirstByteIsNotTriedAgain) {
  const std::string start = event("messageStart"), delta = event("contentBlockDelta");
  Script broken = stream({start, delta});
  broken.pieces.emplace_back(std::unexpected(link_broke()));
  Script no_trailer = stream({start, delta});
  no_trailer.trailer.reset();
  std::string damaged = event("metadata");
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  Script scripts[] = {std::move(broken), std::move(no_trailer),
                      stream({start, delta, delta.substr(0, 8)}), stream({start, delta, damaged})};
  for (Script& script : scripts) {
    Journey run;
    const PassageResult& result = run.start(std::move(script));
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->code, ErrorCode::peer_unavailable);
    EXPECT_EQ(result.error->retry, Retry::never);
    EXPECT_TRUE(run.client.begun());
    EXPECT_EQ(run.client.received(), start + delta);  // whole messages: an exception can follow
    EXPECT_TRUE(result.answer_tail.empty());
  }
}

TEST(Pass, AStreamThatBreaksBeforeItsFirstByteMayRunElsewhere) {
  Script script = stream({event("messageStart").substr(0, 9)});
  script.pieces.emplace_back(std::unexpected(link_broke()));
  Journey run;
  const PassageResult& result = run.start(std::move(script));
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->retry, Retry::other_region);
  EXPECT_FALSE(run.client.begun());
}

TEST(Pass, AModelThatFailsInMidStreamIsTheTrailersNews) {
  const std::string start = event("messageStart");
  std::string exception;
  aws::append_exception(exception, "modelStreamErrorException", "{}");
  Journey run;
  const PassageResult& result = run.start(stream({start, exception}, [](Trailer& t) {
    t.outcome = "model_stream_error";
    t.error_message = "The model stopped.";
  }));
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::model_stream_error);
  EXPECT_EQ(result.error->message, "The model stopped.");
  EXPECT_EQ(result.error->origin, Origin::peer);
  EXPECT_EQ(run.client.received(), start);  // the exception is the caller's to write, once
  EXPECT_EQ(result.trailer.input_tokens, 9);
}

TEST(Pass, ARefusalIsTheErrorThatThePeerNames) {
  struct Case {
    int status;
    std::string_view name;
    ErrorCode code;
    Retry retry;
  };
  const Case cases[] = {
      {503, "peer_capacity", ErrorCode::peer_capacity, Retry::other_region},
      {403, "fence_refused", ErrorCode::fence_refused, Retry::never},
      {503, "draining", ErrorCode::draining, Retry::other_region},
      {503, "model_unavailable", ErrorCode::model_unavailable, Retry::other_region},
      {400, "validation", ErrorCode::validation, Retry::never},
      {400, "malformed_json", ErrorCode::malformed_json, Retry::never},
      {424, "model_error", ErrorCode::model_error, Retry::never},
      {503, "something_newer", ErrorCode::peer_unavailable, Retry::other_region},
      {499, "cancelled", ErrorCode::peer_unavailable, Retry::other_region},
  };
  for (const Case& c : cases) {
    Script script;
    script.head = {.status = c.status, .headers = {{"content-type", "application/json"}}};
    script.head.headers.add(std::string(error_header), std::string(c.name));
    script.head.headers.add(std::string(why_header), "row_hash");
    script.pieces = {std::string(R"({"message":"A sentence of ours."})")};
    Journey run;
    const PassageResult& result = run.start(std::move(script));
    ASSERT_TRUE(result.error) << c.name;
    EXPECT_EQ(result.error->code, c.code) << c.name;
    EXPECT_EQ(result.error->retry, c.retry) << c.name;
    EXPECT_EQ(result.error->origin, Origin::peer);
    EXPECT_EQ(result.error->message, "A sentence of ours.");
    EXPECT_EQ(result.bytes_received, 33) << "the record says that it got there";
    EXPECT_NE(result.first_byte, MonoTime{});
    EXPECT_FALSE(run.client.begun());
  }
}

TEST(Pass, AnAnswerThatIsNotThePeersOwnIsInterrupted) {
  Script script;
  script.head.status = 502;
  Journey run;
  const PassageResult& result = run.start(std::move(script));
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::peer_unavailable);
  EXPECT_EQ(result.error->retry, Retry::other_region);
}

TEST(Pass, ALinkThatBreaksAtOnceMayBeTriedElsewhere) {
  Script script;
  script.send = std::unexpected(link_broke());
  Journey run;
  const PassageResult& result = run.start(std::move(script));
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->retry, Retry::other_region);
  EXPECT_EQ(result.bytes_sent, 0);
}

TEST(Pass, AClientThatGoesCancelsTheWorkAbroad) {
  Script script;
  script.silent = true;
  Journey run;
  run.channel = std::make_shared<ScriptedChannel>(std::move(script), run.loop);
  spawn(Journey::drive(run));
  run.loop.run_for(1s);
  EXPECT_FALSE(run.result);
  run.client.cancellation().request();
  run.loop.run_for(1ms);
  ASSERT_TRUE(run.result);
  EXPECT_EQ(run.result->error->code, ErrorCode::cancelled);

  Journey writing;
  writing.client.gone = true;
  const PassageResult& result = writing.start(stream({event("messageStart"), event("metadata")}));
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace tidegate::peer
