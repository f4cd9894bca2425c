#include "cli/replay_client.hpp"

#include <fmt/format.h>

#include "aws/event_stream.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"

namespace tidegate::cli::replay {
namespace {

constexpr int pages_max = 20'000;
constexpr Duration answer_idle = limits::capacity_wait + limits::backend_first_byte_timeout;

http::RequestHead post(const Caller& caller, std::string target, std::string content_type) {
  return {.method = "POST",
          .target = std::move(target),
          .authority = {},
          .headers = {{"host", fmt::format("{}:{}", caller.endpoint.host, caller.endpoint.port)},
                      {"content-type", std::move(content_type)},
                      {"user-agent", caller.user_agent},
                      {"amz-sdk-request", "attempt=1"}}};
}

// Follows an event stream: when the first piece of text came, and how it ended.
class StreamWatch {
 public:
  explicit StreamWatch(MonoTime sent) : sent_(sent) {}

  void feed(std::string_view bytes, MonoTime now) {
    decoder_.feed(bytes);
    for (;;) {
      auto message = decoder_.next();
      if (!message) {
        failure = "malformed event stream";
        return;
      }
      if (!*message) return;
      const auto event = (*message)->string_header(":event-type");
      if (event == "contentBlockDelta" && first_token < Duration(0)) first_token = now - sent_;
      if (event == "messageStop") stopped = true;
      if (const auto exception = (*message)->string_header(":exception-type"))
        failure = std::string(*exception);
    }
  }

  Duration first_token{-1};
  bool stopped = false;
  std::string failure;

 private:
  MonoTime sent_;
  aws::EventStreamDecoder decoder_;
};

std::string text_of(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::value* at = &value;
  for (const std::string_view name : path) {
    at = at->is_object() ? json::find(at->get_object(), name) : nullptr;
    if (!at) return {};
  }
  return at->is_string() ? std::string(at->get_string()) : std::string();
}

// One page; true if there is another.
Result<bool> read_page(const Caller& caller, const Answer& answer,
                       std::vector<RecordFacts>& records, std::string& token) {
  TRY(const json::value page, json::parse(answer.body));
  if (answer.head.status != 200 || !page.is_object()) {
    return fail({.code = ErrorCode::internal,
                 .origin = Origin::peer,
                 .message = fmt::format("LookupEvents answered {}", answer.head.status),
                 .mend = "see the gateway's log",
                 .why = text_of(page, {"message"})});
  }
  const json::array* events = json::find_array(page.get_object(), "Events");
  for (const auto& event : events ? *events : json::array()) {
    TRY(const json::value record, json::parse(text_of(event, {"CloudTrailEvent"})));
    if (text_of(record, {"userAgent"}) != caller.user_agent) continue;
    records.push_back({text_of(record, {"requestID"}),
                       text_of(record, {"additionalEventData", "inferenceRegion"})});
  }
  token = json::find_string(page.get_object(), "NextToken").value_or("");
  return !token.empty();
}

}  // namespace

Observation converse_stream(const Caller& caller, const std::string& model_id,
                            const std::string& prompt, int answer_tokens) {
  const std::string body = json::serialize(json::object{
      {"messages",
       json::array{json::object{{"role", "user"},
                                {"content", json::array{json::object{{"text", prompt}}}}}}},
      {"inferenceConfig", json::object{{"maxTokens", answer_tokens}}}});
  std::string escaped;
  for (const char c : model_id) escaped += c == ':' ? "%3A" : std::string(1, c);
  auto head = post(caller, "/model/" + escaped + "/converse-stream", "application/json");
  head.headers.add("accept", "application/vnd.amazon.eventstream");
  SystemClock clock;
  aws::sign(head, body, caller.credentials, caller.region, "bedrock", clock.wall());

  Observation seen;
  const MonoTime sent = clock.mono();
  StreamWatch watch(sent);
  int status = 0;
  const auto done = call(
      caller.endpoint, head, body, {.connect = 2s, .idle = answer_idle},
      [&](const http::ResponseHead& answer) {
        status = answer.status;
        seen.request_id = answer.headers.get("x-amzn-requestid").value_or("");
        seen.inference_region = answer.headers.get("x-tidegate-inference-region").value_or("");
        seen.reason = answer.headers.get("x-tidegate-route-reason").value_or("");
        if (status != 200)
          seen.error =
              fmt::format("{} {}", status, answer.headers.get("x-amzn-errortype").value_or(""));
      },
      [&](std::string_view bytes) {
        if (status == 200) watch.feed(bytes, clock.mono());
      });
  seen.total = clock.mono() - sent;
  seen.first_token = watch.first_token;
  if (status == 0) {
    seen.ending = Ending::unreachable;
    seen.error = done ? "no answer" : done.error().why;
  } else if (status != 200) {
    seen.ending = Ending::refused;
  } else if (done && watch.stopped && watch.failure.empty()) {
    seen.ending = Ending::answered;
  } else {
    seen.ending = Ending::broken;
    seen.error = !watch.failure.empty() ? watch.failure
                 : done                 ? "the stream ended early"
                                        : done.error().why;
  }
  return seen;
}

Result<std::vector<RecordFacts>> lookup_records(const Caller& caller, WallTime since) {
  SystemClock clock;
  const auto epoch = [](WallTime t) {
    return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
  };
  json::object query{
      {"LookupAttributes", json::array{json::object{{"AttributeKey", "EventName"},
                                                    {"AttributeValue", "ConverseStream"}}}},
      {"StartTime", epoch(since)},
      {"EndTime", epoch(clock.wall()) + 1},
      {"MaxResults", 50}};
  std::vector<RecordFacts> records;
  std::string token;
  for (int page = 0; page < pages_max; ++page) {
    if (!token.empty()) query["NextToken"] = token;
    const std::string body = json::serialize(query);
    auto head = post(caller, "/", "application/x-amz-json-1.1");
    head.headers.add("x-amz-target", "CloudTrail_20131101.LookupEvents");
    aws::sign(head, body, caller.credentials, caller.region, "cloudtrail", clock.wall());
    TRY(const Answer answer, call(caller.endpoint, head, body));
    TRY(const bool more, read_page(caller, answer, records, token));
    if (!more) break;
  }
  return records;
}

}  // namespace tidegate::cli::replay
