#include "audit/lookup.hpp"

#include <set>

#include "audit/testing.hpp"

namespace tidegate::audit {
namespace {

using testing::LogTest;

TEST_F(LogTest, TenThousandRecordsWithoutGapOrDuplicate) {
  options.segment_bytes_max = 1'000'000;
  open();
  constexpr int count = 10'000;
  for (int i = 0; i < count; ++i) {
    write(i);
    if (i % 50 == 0) tick();
  }
  tick();
  EXPECT_GT(files->names().size(), 10u);
  EventQuery query;
  query.account = "111122223333";
  int expected = count - 1;
  int pages = 0;
  do {
    const auto page = log->lookup(query);
    ASSERT_TRUE(page) << page.error().message;
    for (const json::object& one : page->records) {
      ASSERT_EQ(text(one, "requestID"), record(expected).request_id);
      --expected;
    }
    query.next_token = page->next_token;
    // Half way the log grows and restarts; neither moves the place of the token.
    if (++pages == 100) {
      write(count);
      tick();
      open();
    }
  } while (!query.next_token.empty());
  EXPECT_EQ(expected, -1);
  EXPECT_GE(pages, count / 50);
}

TEST_F(LogTest, Filters) {
  open();
  for (int i = 0; i < 6; ++i) {
    Record r = record(i);
    r.event_name = i % 2 == 0 ? "Converse" : "ListInferenceProfiles";
    r.read_only = i % 2 == 1;
    if (i == 4) r.principal_arn = "arn:aws:iam::111122223333:user/ci";
    if (i == 5) r.event_source = "cloudtrail.amazonaws.com";
    if (i == 3) r.access_key_id = "AKIAOTHER";
    if (i == 2) r.credential_id = "ACCAOTHER";
    ASSERT_TRUE(log->append_closed(r));
    loop.run_for(10s);
  }
  Record stranger = record(6);
  stranger.account = "999988887777";
  const json::object parameters{{"recipientAccountId", "111122223333"}};
  stranger.request_parameters = &parameters;
  ASSERT_TRUE(log->append_closed(stranger));
  const std::tuple<const char*, std::string, std::size_t> cases[] = {
      {"", "", 6},
      {"EventName", "Converse", 3},
      {"EventName", "Conv", 0},
      {"EventName", "", 0},
      {"EventId", std::string(record(2).request_id), 1},
      {"EventId", std::string(stranger.request_id), 0},
      {"ReadOnly", "true", 3},
      {"ReadOnly", "false", 3},
      {"Username", "ci", 1},
      {"EventSource", "cloudtrail.amazonaws.com", 1},
      {"AccessKeyId", "AKIAOTHER", 1},
      {"AccessKeyId", "ACCAOTHER", 1},
      {"AccessKeyId", "OTHER", 0},
      {"ResourceType", "AWS::Bedrock::InferenceProfile", 6},
      {"ResourceType", "AWS::S3::Object", 0},
      {"ResourceName", "eu.amazon.nova-2-lite-v1:0", 6},
      {"ResourceName", "amazon.nova-2-lite-v1:0", 6},
      {"ResourceName", "nova-2-lite-v1:0", 0},
  };
  for (const auto& [key, value, count] : cases) {
    EventQuery query;
    query.attribute_key = key;
    query.attribute_value = value;
    EXPECT_EQ(lookup(query).size(), count) << key << '=' << value;
  }
}

TEST_F(LogTest, TimesAreInclusiveWholeSeconds) {
  open();
  const WallTime start = loop.clock().wall();
  for (int i = 0; i < 5; ++i) {
    Record r = record(i);
    r.event_time = start + std::chrono::seconds(i) + 300ms;
    ASSERT_TRUE(log->append_closed(r));
  }
  const std::tuple<int, int, std::size_t> cases[] = {{0, 4, 5}, {1, 3, 3}, {2, 2, 1}, {5, 9, 0}};
  for (const auto& [from, to, count] : cases) {
    EventQuery query;
    query.start = start + std::chrono::seconds(from);
    query.end = start + std::chrono::seconds(to);
    EXPECT_EQ(lookup(query).size(), count) << from << ' ' << to;
  }
}

TEST_F(LogTest, BadQueriesAreRefused) {
  open();
  for (int i = 0; i < 3; ++i) write(i);
  EventQuery good;
  good.account = "111122223333";
  good.max_results = 1;
  const auto page = log->lookup(good);
  ASSERT_TRUE(page);
  ASSERT_FALSE(page->next_token.empty());

  const auto code_of = [&](auto change) {
    EventQuery query = good;
    change(query);
    const auto answer = log->lookup(query);
    return answer ? ErrorCode::count_ : answer.error().code;
  };
  using enum ErrorCode;
  EXPECT_EQ(code_of([](EventQuery& q) { q.max_results = 0; }), invalid_max_results);
  EXPECT_EQ(code_of([](EventQuery& q) { q.max_results = 51; }), invalid_max_results);
  EXPECT_EQ(code_of([](EventQuery& q) { q.attribute_key = "Region"; }), invalid_lookup_attributes);
  EXPECT_EQ(code_of([](EventQuery& q) {
              q.attribute_key = "ReadOnly";
              q.attribute_value = "maybe";
            }),
            invalid_lookup_attributes);
  EXPECT_EQ(code_of([&](EventQuery& q) {
              q.start = loop.clock().wall();
              q.end = *q.start - 1s;
            }),
            invalid_time_range);
  EXPECT_EQ(code_of([](EventQuery& q) { q.next_token = "?"; }), invalid_next_token);
  EXPECT_EQ(code_of([&](EventQuery& q) {
              q.next_token = page->next_token;
              q.attribute_key = "EventName";
            }),
            invalid_next_token);
  EXPECT_EQ(code_of([&](EventQuery& q) {
              q.next_token = page->next_token;
              q.account = "999988887777";
            }),
            invalid_next_token);
  EXPECT_EQ(code_of([&](EventQuery& q) { q.next_token = page->next_token; }), count_);
}

TEST_F(LogTest, ATokenOutlivesTheSegmentItNames) {
  options.retention_days = 1;
  open();
  write(1);
  write(2);
  EventQuery query;
  query.account = "111122223333";
  query.max_results = 1;
  query.next_token = log->lookup(query)->next_token;
  ASSERT_FALSE(query.next_token.empty());
  tick();
  loop.run_for(std::chrono::hours(72));
  for (int i = 0; i < 4; ++i) tick(2s);
  const auto rest = log->lookup(query);
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_TRUE(rest->records.empty());
  EXPECT_TRUE(rest->next_token.empty());
}

}  // namespace
}  // namespace tidegate::audit
