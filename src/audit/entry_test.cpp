#include "audit/entry.hpp"

#include "audit/crc32c.hpp"
#include "audit/document.hpp"
#include "audit/frame.hpp"
#include "audit/testing.hpp"

namespace tidegate::audit {
namespace {

using testing::full_record;

const WallTime noon = std::chrono::sys_days{std::chrono::year{2026} / 6 / 8} +
                      std::chrono::hours(9) + std::chrono::milliseconds(902'123);

std::string line_of(Stage stage, const Record& record) {
  Buffer line;
  append_entry(line, stage, record, noon);
  return std::string(line.view().substr(0, line.size() - 1));
}

json::object document_of(std::string_view line) {
  const auto frame = parse_frame(line);
  EXPECT_TRUE(frame) << line;
  auto read = frame ? document(*frame) : json::object{};
  EXPECT_TRUE(read) << line;
  return read.value_or(json::object{});
}

// Of a closed entry, as it is read.
json::object document_of(const Record& record) {
  return document_of(line_of(Stage::closed, record));
}

// A path of member names, joined by dots, to the value's JSON.
std::string at(const json::object& o, std::string_view path) {
  const json::value* v = nullptr;
  const json::object* here = &o;
  while (!path.empty()) {
    const auto dot = path.find('.');
    v = here ? here->if_contains(path.substr(0, dot)) : nullptr;
    if (!v) return "(absent)";
    here = v->if_object();
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  }
  return json::serialize(*v);
}

TEST(Entry, HasCloudTrailsShape) {
  const json::object d = document_of(full_record(7, noon));
  const std::pair<const char*, const char*> expected[] = {
      {"eventVersion", R"("1.11")"},
      {"userIdentity.type", R"("IAMUser")"},
      {"userIdentity.principalId", R"("AIDAEXAMPLE")"},
      {"userIdentity.arn", R"("arn:aws:iam::111122223333:user/demo")"},
      {"userIdentity.accountId", R"("111122223333")"},
      {"userIdentity.accessKeyId", R"("AKIAEXAMPLE")"},
      {"userIdentity.userName", R"("demo")"},
      {"eventTime", R"("2026-06-08T09:15:02Z")"},
      {"eventSource", R"("bedrock.amazonaws.com")"},
      {"eventName", R"("Converse")"},
      {"awsRegion", R"("eu-south-1")"},
      {"sourceIPAddress", R"("192.0.2.10")"},
      {"errorCode", "(absent)"},
      {"requestParameters", R"({"modelId":"eu.amazon.nova-2-lite-v1:0"})"},
      {"responseElements", "null"},
      {"additionalEventData",
       R"({"inferenceRegion":"eu-central-1","inputTokens":12,"outputTokens":34})"},
      {"requestID", R"("00000000-0000-4000-8000-000000000007")"},
      {"readOnly", "false"},
      {"eventType", R"("AwsApiCall")"},
      {"managementEvent", "true"},
      {"recipientAccountId", R"("111122223333")"},
      {"eventCategory", R"("Management")"},
      {"tlsDetails.tlsVersion", R"("TLSv1.3")"},
      {"tidegate.schemaVersion", "1"},
      {"tidegate.arrivedAt", R"("2026-06-08T09:15:02.123Z")"},
      {"tidegate.profile.version", "3"},
      {"tidegate.outcome", R"("Success")"},
      {"tidegate.httpStatus", "200"},
      {"tidegate.usage.inputTokens", "12"},
      {"tidegate.decision.reason", R"("home_full")"},
      {"tidegate.durations", R"({"totalMs":230,"firstByteMs":40,"queueMs":0})"},
      {"tidegate.requestMetadata.team", R"("payments")"},
      {"tidegate.policyChecks.allowed", "7"},
  };
  for (const auto& [path, json] : expected) EXPECT_EQ(at(d, path), json) << path;
  EXPECT_EQ(d.at("resources").as_array().size(), 2u);
  EXPECT_EQ(d.at("tidegate").at("attempts").as_array().size(), 1u);
}

// What other members say is read back as if it stood there.
TEST(Entry, LeavesOutWhatItSaysElsewhere) {
  Record r = full_record(7, noon);
  AttemptRecord attempts[] = {r.attempts[0], r.attempts[0]};
  attempts[0].outcome = "interrupted";
  attempts[0].reason = "source_first";
  attempts[0].model_name = "";
  r.attempts = attempts;
  const std::string line = line_of(Stage::closed, r);
  for (const char* absent :
       {"eventId", "eventSource", "account", "modelId", "startMs", "queueMs", "httpStatus"}) {
    EXPECT_FALSE(line.contains('"' + std::string(absent) + '"')) << absent;
  }
  EXPECT_TRUE(line.contains(R"({"bytesSent":512,"firstByteMs":38,"totalMs":228})"))
      << "the attempt whose answer the record describes";
  EXPECT_FALSE(line.contains("chosen"));
  const json::object d = document_of(r);
  EXPECT_EQ(at(d, "eventID"), at(d, "requestID"));
  EXPECT_EQ(at(d, "tidegate.modelId"), R"("amazon.nova-2-lite-v1:0")");
  EXPECT_EQ(json::serialize(d.at("tidegate").at("attempts")),
            R"([{"region":"eu-central-1","outcome":"interrupted","reason":"source_first",)"
            R"("bytesSent":512,"bytesReceived":2048,"startMs":0,"firstByteMs":38,"totalMs":228},)"
            R"({"region":"eu-central-1","outcome":"success","reason":"home_full",)"
            R"("modelName":"smollm2-135m-instruct",)"
            R"("bytesSent":512,"bytesReceived":2048,"startMs":0,"firstByteMs":38,"totalMs":228}])");
}

TEST(Entry, KeepsWhatFollowsFromNothing) {
  Record r = full_record(7, noon);
  AttemptRecord attempt = r.attempts[0];
  attempt.model_name = "another-model";
  attempt.start_ms = 3;
  r.attempts = {&attempt, 1};
  r.account = "999988887777";
  r.event_source = "sts.amazonaws.com";
  r.model_id = "amazon.nova-pro-v1:0";
  r.queue_ms = 12;
  const json::object d = document_of(r);
  EXPECT_EQ(at(d, "recipientAccountId"), R"("999988887777")");
  EXPECT_EQ(at(d, "eventSource"), R"("sts.amazonaws.com")");
  EXPECT_EQ(at(d, "tidegate.modelId"), R"("amazon.nova-pro-v1:0")");
  EXPECT_EQ(at(d, "tidegate.durations.queueMs"), "12");
  const json::object& written = d.at("tidegate").at("attempts").at(0).as_object();
  EXPECT_EQ(at(written, "modelName"), R"("another-model")");
  EXPECT_EQ(at(written, "startMs"), "3");
}

// Also of a short text, which lies in the very member that adding another one moves.
TEST(Entry, AMemberThatStandsInALineCounts) {
  const auto read = [](std::string_view body) {
    std::string line = frame_line(kind::closed, noon, "r", body);
    line.pop_back();
    return document_of(line);
  };
  const json::object d =
      read(R"({"eventId":"e","eventSource":"sts.amazonaws.com","account":"1",)"
           R"("arn":"arn:aws:iam::2:root","profile":"eu.tiny","modelId":"other"})");
  EXPECT_EQ(at(d, "eventID"), R"("e")");
  EXPECT_EQ(at(d, "eventSource"), R"("sts.amazonaws.com")");
  EXPECT_EQ(at(d, "recipientAccountId"), R"("1")");
  EXPECT_EQ(at(d, "tidegate.modelId"), R"("other")");
  const json::object foreign = read(R"({"eventSource":"x","profile":"eu.tiny","attempts":[{}]})");
  EXPECT_EQ(at(foreign, "tidegate.modelId"), R"("tiny")");
}

// Every way in which an attempt is not the one that the record's answer came from.
TEST(Entry, SaysOfOtherAttemptsAll) {
  const std::pair<const char*, void (*)(AttemptRecord&)> cases[] = {
      {"none", [](AttemptRecord&) {}},
      {"region", [](AttemptRecord& a) { a.region = "eu-west-3"; }},
      {"outcome", [](AttemptRecord& a) { a.outcome = "capacity"; }},
      {"bytes", [](AttemptRecord& a) { a.bytes_received = 1; }},
      {"no byte", [](AttemptRecord& a) { a.first_byte_ms = -1; }},
      {"same first byte", [](AttemptRecord& a) { a.first_byte_ms = 40; }},
      {"error", [](AttemptRecord& a) { a.error = "it broke"; }},
  };
  for (const auto& [name, change] : cases) {
    Record r = full_record(7, noon);
    AttemptRecord attempt = r.attempts[0];
    change(attempt);
    r.attempts = {&attempt, 1};
    const json::object d = document_of(r);
    const json::object& read = d.at("tidegate").at("attempts").at(0).as_object();
    EXPECT_EQ(at(read, "region"), '"' + attempt.region + '"') << name;
    EXPECT_EQ(at(read, "outcome"), '"' + attempt.outcome + '"') << name;
    EXPECT_EQ(at(read, "bytesReceived"), std::to_string(attempt.bytes_received)) << name;
    EXPECT_EQ(at(read, "firstByteMs"),
              attempt.first_byte_ms < 0 ? "(absent)" : std::to_string(attempt.first_byte_ms))
        << name;
    EXPECT_EQ(at(read, "error"), attempt.error.empty() ? "(absent)" : R"("it broke")") << name;
  }
}

TEST(Entry, SaysTheStatusThatDoesNotFollow) {
  Record r = full_record(7, noon);
  r.outcome = "Failed";
  EXPECT_EQ(at(document_of(r), "tidegate.httpStatus"), "200") << "a stream that broke off";
  r.http_status = 0;
  EXPECT_EQ(at(document_of(r), "tidegate.httpStatus"), "(absent)");
}

TEST(Entry, ReadsARegionThatWasChosenAndNotReached) {
  Record r = full_record(7, noon);
  r.inference_region = "none";
  const json::object d = document_of(r);
  const json::array& considered = d.at("tidegate").at("decision").at("considered").as_array();
  EXPECT_EQ(at(considered.at(1).as_object(), "region"), R"("eu-central-1")");
  EXPECT_EQ(at(considered.at(1).as_object(), "verdict"), R"("chosen")");
}

TEST(Entry, SaysOfARegionWhatIsKnown) {
  const json::object d = document_of(full_record(7, noon));
  const json::array& considered = d.at("tidegate").at("decision").at("considered").as_array();
  ASSERT_EQ(considered.size(), 2u);
  EXPECT_EQ(json::serialize(considered[0]),
            R"({"region":"eu-south-1","verdict":"full","free":0,"sentence":"2 of 2 slots busy"})");
  EXPECT_EQ(at(considered[1].as_object(), "region"), R"("eu-central-1")");
  EXPECT_EQ(at(considered[1].as_object(), "verdict"), R"("chosen")");
  EXPECT_EQ(at(considered[1].as_object(), "free"), "2");
  EXPECT_EQ(at(considered[1].as_object(), "reportAgeMs"), "40");
  EXPECT_DOUBLE_EQ(considered[1].at("rttMs").to_number<double>(), 11.0);
  using micros = std::chrono::microseconds;
  for (const auto& [rtt, ms] :
       {std::pair(micros(1), 0.001), {micros(250), 0.25}, {micros(12'034), 12.034}}) {
    Record r = full_record(7, noon);
    r.considered[1].rtt = rtt;
    const json::object read = document_of(r);
    const json::value& written = read.at("tidegate").at("decision").at("considered").at(1);
    EXPECT_DOUBLE_EQ(written.at("rttMs").to_number<double>(), ms);
  }
}

TEST(Entry, AlwaysSaysWhereItRan) {
  Record refused = full_record(1, noon);
  refused.inference_region = "none";
  refused.error_code = "AccessDeniedException";
  const json::object d = document_of(refused);
  EXPECT_EQ(at(d, "additionalEventData"), R"({"inferenceRegion":"none"})");
  EXPECT_EQ(at(d, "errorCode"), R"("AccessDeniedException")");
  EXPECT_EQ(at(document_of(Record{}), "additionalEventData.inferenceRegion"), R"("none")");
}

TEST(Entry, AnOpenedOneIsEnoughForTheRecordOfACrash) {
  const Record r = full_record(1, noon);
  const std::string line = line_of(Stage::opened, r);
  EXPECT_LT(line.size(), 700u);
  const auto frame = parse_frame(line);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, kind::opened);
  std::string owed = interrupted_line(*frame);
  owed.pop_back();
  const json::object closed = document_of(owed), whole = document_of(r);
  for (const char* same : {"userIdentity",
                           "eventTime",
                           "eventSource",
                           "eventName",
                           "awsRegion",
                           "sourceIPAddress",
                           "userAgent",
                           "requestParameters",
                           "requestID",
                           "eventID",
                           "readOnly",
                           "resources",
                           "recipientAccountId",
                           "tidegate.profile.id",
                           "tidegate.profile.version",
                           "tidegate.profile.rowHash",
                           "tidegate.modelId",
                           "tidegate.bodySha256",
                           "tidegate.bytesIn",
                           "tidegate.arrivedAt"}) {
    EXPECT_EQ(at(closed, same), at(whole, same)) << same;
  }
  EXPECT_EQ(at(closed, "tidegate.outcome"), R"("Interrupted")");
  EXPECT_EQ(at(closed, "errorCode"), R"("InternalServerException")");
  EXPECT_EQ(at(closed, "additionalEventData"), R"({"inferenceRegion":"unknown"})");
  EXPECT_EQ(at(closed, "tidegate.attempts"), "[]");
  EXPECT_EQ(at(closed, "tidegate.usage"), "(absent)");
  EXPECT_EQ(at(closed, "tidegate.durations"), "(absent)");
  const json::object running = document_of(line);
  EXPECT_EQ(at(running, "tidegate.outcome"), R"("InProgress")");
  EXPECT_EQ(at(running, "errorCode"), "(absent)");
}

TEST(Entry, WhatCallersFillIsBoundedAndValid) {
  Record r = full_record(1, noon);
  // The limit falls inside a character.
  const std::string user_agent = std::string(1'023, 'a') + "\xc3\xa9" + "b";
  r.user_agent = user_agent;
  r.host_header = "h\xff\"\n\x01";
  const std::string model_ref(10'000, 'm');
  r.model_ref = model_ref;
  json::object metadata;
  r.request_metadata = &metadata;
  json::object* deep = &metadata;
  for (int i = 0; i < 60; ++i) deep = &(*deep)["x"].emplace_object();
  json::object d = document_of(r);
  EXPECT_EQ(d.at("userAgent").as_string().size(), 1'023u);
  EXPECT_EQ(std::string(d.at("tlsDetails").at("clientProvidedHostHeader").as_string()),
            "h?\"\n\x01");
  EXPECT_EQ(d.at("requestParameters").at("modelId").as_string().size(),
            limits::audit_text_bytes_max);

  const json::object parameters{{"filter", std::string(limits::audit_member_bytes_max, 'x')}};
  r.request_parameters = &parameters;
  for (int i = 0; i < 2'000; ++i) metadata[std::to_string(i)] = "0123456789";
  d = document_of(r);
  EXPECT_TRUE(d.at("requestParameters").as_object().contains("omittedBytes"));
  EXPECT_TRUE(d.at("tidegate").at("requestMetadata").as_object().contains("omittedBytes"));
}

TEST(Entry, IdentityTypes) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"arn:aws:iam::111122223333:user/a/b/demo", R"("IAMUser")", R"("demo")"},
      {"arn:aws:iam::111122223333:root", R"("Root")", "(absent)"},
      {"arn:aws:sts::111122223333:assumed-role/App/session", R"("AssumedRole")", R"("session")"},
      {"", R"("IAMUser")", "(absent)"},
  };
  for (const auto& [arn, type, name] : cases) {
    Record r = full_record(1, noon);
    r.principal_arn = arn;
    EXPECT_EQ(at(document_of(r), "userIdentity.type"), type) << arn;
    EXPECT_EQ(at(document_of(r), "userIdentity.userName"), name) << arn;
  }
}

std::string frame_of(std::string_view kind, std::string_view body) {
  std::string line = frame_line(kind, noon, "id-1", body);
  line.pop_back();
  return line;
}

TEST(Frame, RoundTrips) {
  const std::string line = frame_of("closed", R"({"a":[1,"}"]})");
  EXPECT_TRUE(json::parse(line)) << "any JSON tool reads it";
  const auto frame = parse_frame(line);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, "closed");
  EXPECT_EQ(frame->id, "id-1");
  EXPECT_EQ(frame->time(), noon);
  EXPECT_EQ(frame->body, R"({"a":[1,"}"]})");
  EXPECT_TRUE(parse_frame(frame_of("attested", "{}"))->is_entry()) << "kinds are an open set";
}

TEST(Crc32c, IsTheStandardOneWithAndWithoutTheInstruction) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes += static_cast<char>(i);  // RFC 3720, B.4
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(bytes), 0x46dd794eu);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string_view part = std::string_view(bytes).substr(0, size);
    EXPECT_EQ(crc32c(part), crc32c_portable(part)) << size;
  }
}

TEST(Frame, EveryTornOrChangedLineIsRecognised) {
  const std::string line = frame_of("closed", R"({"a":1})");
  for (std::size_t i = 0; i < line.size(); ++i) {
    EXPECT_FALSE(parse_frame(line.substr(0, i))) << i;
    std::string changed = line;
    changed[i] ^= 1;
    EXPECT_FALSE(parse_frame(changed)) << i;
    const std::string merged = line.substr(0, i) + frame_of("opened", "{}");
    const auto found = recover_frame(merged);
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(found->kind, "opened");
  }
}

}  // namespace
}  // namespace tidegate::audit
