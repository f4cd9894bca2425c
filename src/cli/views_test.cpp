// What people see of the admin API's answers.
#include "cli/views.hpp"

#include <gtest/gtest.h>

#include "cli/output.hpp"

namespace tidegate::cli {
namespace {

json::object object(std::string_view text) {
  return json::parse(text).value().get_object();
}

void expect_words(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words)
    EXPECT_NE(text.find(word), std::string::npos) << word << "\nin:\n" << text;
}

TEST(RouteView, SaysWhereWhyAndWhatElse) {
  const auto text = route_view(object(
                                   R"({"profile":"eu.amazon.nova-2-lite-v1:0",
    "source":"eu-south-1","modelId":"amazon.nova-2-lite-v1:0","version":1,
    "rowHash":"0123456789abcdef0123","row":["eu-central-1","eu-south-1"],
    "destination":"eu-central-1","reason":"source_full","considered":[{"region":"eu-central-1",
    "verdict":"chosen","free":2,"rttMs":11.25,"reportAgeMs":80,"sentence":"0 of 2 slots busy"},
    {"region":"eu-south-1","verdict":"full","free":0,"rttMs":0,"reportAgeMs":0,
    "sentence":"2 of 2 slots busy"},{"region":"eu-west-3","verdict":"not_deployed","free":0,
    "rttMs":0,"reportAgeMs":0,"sentence":"not run here"}],"policyChecks":[{"resource":"arn:x",
    "requestedRegion":"eu-south-1","allowed":true,"policy":"p","statement":"s"},
    {"resource":"arn:y","requestedRegion":"eu-west-3","allowed":false,"policy":"deny",
    "statement":"#2"}]})"),
                               *catalog::Catalog::built_in());
  expect_words(text, {"would go to eu-central-1 (Frankfurt): source_full: the source has no room",
                      "> eu-central-1", "11.2 ms", "80 ms", "2 of 2 slots busy", "not_deployed",
                      "hash 0123456789abcdef;", "1 of 2 checks allow it",
                      "denied   arn:y (requested Region eu-west-3): deny #2"});
}

TEST(RouteView, SaysNowhere) {
  const auto text = route_view(object(
                                   R"({"profile":"p","source":"eu-south-1","destination":null,
    "reason":"no_capacity","considered":[],"row":[]})"),
                               *catalog::Catalog::built_in());
  expect_words(text, {"would go nowhere now: no_capacity: no Region of the row has room now"});
}

TEST(ExplainView, TellsASpill) {
  const auto text = explain_view(object(
                                     R"({"eventTime":"2026-11-22T09:14:07Z","eventName":"Converse",
    "awsRegion":"eu-south-1","requestID":"r-1","eventID":"e-1",
    "userIdentity":{"arn":"arn:aws:iam::111122223333:user/demo"},
    "requestParameters":{"modelId":"eu.x"},
    "additionalEventData":{"inferenceRegion":"eu-central-1"},
    "tidegate":{"arrivedAt":"2026-11-22T09:14:07.221Z","profile":{"id":"eu.x","version":1,
    "rowHash":"abcd","row":["eu-central-1","eu-south-1"]},"modelId":"x","modelName":"tiny",
    "outcome":"Success","httpStatus":200,"usage":{"inputTokens":9,"outputTokens":4},
    "stopReason":"end_turn","durations":{"totalMs":412,"firstByteMs":171,"queueMs":3},
    "attempts":[{"region":"eu-central-1","outcome":"success","reason":"source_full",
    "bytesSent":213,"bytesReceived":512,"startMs":1,"totalMs":400}],
    "decision":{"reason":"source_full","considered":[{"region":"eu-central-1",
    "verdict":"chosen","free":2,"rttMs":11,"reportAgeMs":80}]},
    "policyChecks":{"allowed":7,"by":[{"policy":"p","statement":"s"}]},
    "sequence":12}})"),
                                 *catalog::Catalog::built_in());
  expect_words(text, {"2026-11-22T09:14:07.221Z", "r-1",
                      "eu-south-1 (Milan) -> eu-central-1 (Frankfurt)   Success 200", "9 in, 4 out",
                      "x, really tiny", "412 ms, first byte after 171 ms, waited 3 ms",
                      "source_full: the source has no room", "attempt 1  eu-central-1  success",
                      "7 of 7 checks allow it, by p s", "not_deployed", "number 12"});
}

TEST(ExplainView, TellsWhatIsSignedOfEachAttempt) {
  const auto text = explain_view(object(R"({"requestID":"r-3","tidegate":{"attempts":[
    {"region":"eu-west-1","outcome":"peer_capacity"},
    {"region":"eu-west-1","outcome":"interrupted","attestationState":"missing"},
    {"region":"eu-north-1","outcome":"success","attestationState":"pending"},
    {"region":"eu-central-1","outcome":"success","attestationState":"attested","attestationProof":
     {"index":3,"batch":{"count":12,"root":"0123456789abcdef0123"},"path":[]}}]}})"),
                                 *catalog::Catalog::built_in());
  expect_words(text, {"MISSING: eu-west-1 answered", "pending: the signature of eu-north-1",
                      "attested by eu-central-1: leaf 4 of 12 under root 0123456789abcdef"});
  EXPECT_EQ(text.find("attestation"), text.find("attestation  MISSING"))
      << "a refusal has nothing to be signed";
}

TEST(ExplainView, TellsARefusal) {
  const auto text = explain_view(object(
                                     R"({"eventName":"Converse","awsRegion":"eu-south-1",
    "requestID":"r-2","eventID":"e","errorCode":"AccessDeniedException","errorMessage":"no",
    "requestParameters":{"modelId":"global.x"},"additionalEventData":{"inferenceRegion":"none"},
    "tidegate":{"outcome":"Refused","httpStatus":403,"tidegateCode":"TG-1",
    "policyChecks":[{"resource":"a","requestedRegion":"unspecified","outcome":"implicitDeny",
    "policy":"","statement":""}]}})"),
                                 *catalog::Catalog::built_in());
  expect_words(text,
               {"global.x", "no model ran (none)", "Refused 403", "AccessDeniedException TG-1: no",
                "denied   a (requested Region unspecified): no statement allows it"});
}

TEST(StatusView, ShowsWhoDoesNotAnswer) {
  const auto text =
      status_view({{"eu-south-1", object(R"({"status":"ready","process":42,"waiting":1,"inFlight":3,
    "documentsVersion":2,"backends":[{"name":"llama","healthy":false,"busy":1,"slots":2}],
    "peers":[{"region":"eu-central-1","link":"up","rttMs":11},{"region":"eu-west-1",
    "link":"down"},{"region":"eu-west-2","link":"none"}],"audit":{"writable":true,"entries":7,
    "unsynced":0}})"),
                    ""},
                   {"eu-west-1", {}, "refused"}},
                  *catalog::Catalog::built_in());
  expect_words(text, {"Milan", "ready", "1/2", "42", "v2", "eu-central-1 11.0 ms, eu-west-1 DOWN",
                      "7 entries", "! eu-south-1: the model server llama does not answer", "Dublin",
                      "no answer", "! eu-west-1: refused"});
  EXPECT_EQ(text.find("eu-west-2"), std::string::npos);
}

TEST(StatusView, ShowsWhatOperatorsHaveTakenOutOfUse) {
  const auto text = status_view(
      {{"eu-south-1", object(R"({"status":"drained","restrictions":[{"region":"eu-south-1",
    "kind":"drain","reason":"INC-412","approver":"anna","since":"2026-11-22T09:14:07Z",
    "expires":"2026-11-22T11:14:07Z"},{"region":"eu-west-1","kind":"exclude","reason":"hold",
    "approver":"bruno","since":"2026-11-22T09:14:07Z"}]})"),
        ""}},
      *catalog::Catalog::built_in());
  expect_words(text,
               {"drained",
                "~ eu-south-1: eu-south-1 (Milan) is drained since 2026-11-22T09:14:07Z, until "
                "2026-11-22T11:14:07Z: INC-412 (approved by anna)\n",
                "~ eu-south-1: eu-west-1 (Dublin) is excluded since 2026-11-22T09:14:07Z: hold "
                "(approved by bruno)\n"});
}

TEST(RouteView, ShowsModeLifecycleAndTheCallersPart) {
  const auto text = route_view(object(R"({"profile":"p","source":"eu-south-1","destination":null,
    "reason":"withdrawn","considered":[],"row":["eu-central-1"],"mode":"geographic","version":1,
    "rowHash":"ab","narrowedTo":["eu-central-1"],"lifecycle":"LEGACY since x"})"),
                               *catalog::Catalog::built_in());
  expect_words(text, {"operators have taken out of use every Region that could serve it",
                      "row        geographic, version 1, 1 Region, hash ab",
                      "narrowed   to eu-central-1", "lifecycle  LEGACY since x"});
}

TEST(Table, AlignsCharactersNotBytes) {
  Table table({"A", "B"});
  table.add({"Zürich", "x"});
  table.add({"Milan", "y"});
  EXPECT_EQ(table.text(), "A       B\nZürich  x\nMilan   y\n");
}

TEST(Durations, AreShort) {
  const std::pair<double, const char*> rows[] = {{0.0012, "1.2 ms"}, {0.0123, "12 ms"},
                                                 {1.44, "1.4 s"},    {180, "3 min"},
                                                 {7200, "2 h"},      {172800, "2 d"}};
  for (const auto& [value, text] : rows) EXPECT_EQ(short_duration(value), text);
}

TEST(ExitCodes, AreStable) {
  const std::pair<ErrorCode, Exit> rows[] = {{ErrorCode::configuration, Exit::failed},
                                             {ErrorCode::peer_unavailable, Exit::unreachable},
                                             {ErrorCode::access_denied, Exit::refused},
                                             {ErrorCode::fence_refused, Exit::refused},
                                             {ErrorCode::invalid_signature, Exit::unidentified}};
  for (const auto& [code, exit] : rows)
    EXPECT_EQ(exit_of(Error{.code = code, .message = {}, .mend = {}, .why = {}}), exit);
}

}  // namespace
}  // namespace tidegate::cli
