// What the tests of this folder share: a record with every member filled, and a log over files in
// memory whose clock and crashes the test controls.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "audit/memory_disk.hpp"
#include "audit/verify.hpp"
#include "base/virtual_loop.hpp"

namespace tidegate::audit::testing {

// A Record borrows; what tests make for one lives as long as the test program.
inline std::string_view keep(std::string text) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> kept;
  std::scoped_lock lock(mutex);
  return *kept.insert(std::move(text)).first;
}

inline Record full_record(int number, WallTime at) {
  static const json::object metadata{{"team", "payments"}};
  static const Sha256 body_hash = sha256("the body");
  static const AttemptRecord attempts[] = {{.region = "eu-central-1",
                                            .outcome = "success",
                                            .reason = "home_full",
                                            .bytes_sent = 512,
                                            .bytes_received = 2048,
                                            .first_byte_ms = 38,
                                            .total_ms = 228,
                                            .model_name = "smollm2-135m-instruct",
                                            .error = ""}};
  Record r;
  r.request_id = keep(fmt::format("00000000-0000-4000-8000-{:012}", number));
  r.event_time = at;
  r.event_source = "bedrock.amazonaws.com";
  r.event_name = "Converse";
  r.source_region = "eu-south-1";
  r.account = "111122223333";
  r.principal_arn = "arn:aws:iam::111122223333:user/demo";
  r.principal_user_id = "AIDAEXAMPLE";
  r.access_key_id = "AKIAEXAMPLE";
  r.source_ip = "192.0.2.10";
  r.user_agent = "Boto3/1.43 md/Botocore#1.43 ua/2.0 os/linux lang/python#3.11";
  r.tls_version = "TLSv1.3";
  r.tls_cipher = "TLS_AES_128_GCM_SHA256";
  r.host_header = "bedrock-runtime.eu-south-1.amazonaws.com";
  r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.model_ref = "eu.amazon.nova-2-lite-v1:0";
  r.profile_id = "eu.amazon.nova-2-lite-v1:0";
  r.profile_version = 3;
  r.row_hash = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  r.model_id = "amazon.nova-2-lite-v1:0";
  r.row = {"eu-central-1", "eu-north-1", "eu-south-1", "eu-west-1", "eu-west-3"};
  r.body_hash = &body_hash;
  r.bytes_in = 512;
  r.request_metadata = &metadata;
  r.inference_region = "eu-central-1";
  r.model_name = "smollm2-135m-instruct";
  r.outcome = "Success";
  r.http_status = 200;
  r.usage = {.input_tokens = 12, .output_tokens = 34};
  r.stop_reason = "end_turn";
  r.bytes_out = 2048;
  r.duration_ms = 230;
  r.first_byte_ms = 40;
  r.attempts = attempts;
  r.route_reason = "home_full";
  r.considered = {{.region = "eu-south-1", .verdict = "full", .sentence = "2 of 2 slots busy"},
                  {.region = "eu-central-1",
                   .verdict = "chosen",
                   .sentence = "0 of 2 slots busy",
                   .free = 2,
                   .rtt = 11ms,
                   .report_age = 40ms}};
  r.policy_checks = R"({"allowed":7,"by":[{"policy":"demo","statement":"#1"}]})";
  return r;
}

// Both entries of a request.
inline Result<Log::Written> write_both(Log& log, Record record) {
  TRY(const Log::Written opened, log.append_opened(record));
  record.opened = opened.at;
  return log.append_closed(record);
}

class LogTest : public ::testing::Test {
 protected:
  // Opens the log over the present files; what was open before is destroyed in good order.
  void open() {
    log.reset();
    auto opened = Log::open(std::make_unique<MemoryDisk>(files), loop.clock(), options);
    ASSERT_TRUE(opened) << opened.error().message;
    log = std::move(*opened);
  }
  // kill -9: the files stay as they are at this moment.
  void crash() {
    auto left = files->copy();
    log.reset();
    files = std::move(left);
  }
  Record record(int number) const { return full_record(number, loop_clock().wall()); }
  void write(int number) { ASSERT_TRUE(write_both(*log, record(number))); }
  // One tick, `step` later.
  void tick(Duration step = limits::sync_interval) {
    loop.run_for(step);
    log->tick();
  }
  std::vector<json::object> lookup(EventQuery query = {}) {
    query.account = "111122223333";
    std::vector<json::object> out;
    do {
      auto page = log->lookup(query);
      if (!page) {
        ADD_FAILURE() << page.error().message;
        break;
      }
      for (json::object& one : page->records) out.push_back(std::move(one));
      query.next_token = page->next_token;
    } while (!query.next_token.empty());
    return out;
  }
  static std::string text(const json::object& o, std::string_view name) {
    return std::string(json::find_string(o, name).value_or("(none)"));
  }
  static const json::object& tidegate(const json::object& o) {
    return o.at("tidegate").as_object();
  }
  ChainReport verify() {
    MemoryDisk disk(files);
    auto report = verify_chain(disk);
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report.value_or(ChainReport{});
  }
  void expect_chain(std::uint64_t entries) {
    const ChainReport report = verify();
    EXPECT_TRUE(report.holds()) << report.findings.front();
    EXPECT_EQ(report.entries, entries);
  }
  const Clock& loop_clock() const { return const_cast<VirtualLoop&>(loop).clock(); }

  VirtualLoop loop;
  LogOptions options{.region = "eu-south-1"};
  std::shared_ptr<MemoryFiles> files = std::make_shared<MemoryFiles>();
  std::unique_ptr<Log> log;
};

}  // namespace tidegate::audit::testing
