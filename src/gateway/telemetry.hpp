// What /metrics shows. Labels are bounded: Regions, operations, outcomes and reasons; never a
// request id, a principal, an account or anything a caller wrote.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::gateway {

struct RequestSample {
  std::string_view operation, profile, source_region, inference_region, outcome, reason;
  Duration duration{0};
  Duration first_byte{-1};  // negative: there was none
  std::int64_t input_tokens = 0, output_tokens = 0;
};

// Thread-safe; one a Region.
class Telemetry {
 public:
  explicit Telemetry(std::string_view region);
  ~Telemetry();
  void request(const RequestSample& sample);
  void fence_refusal(std::string_view side, std::string_view rule);  // side: source, destination
  void unidentified(std::string_view reason);
  void in_flight(std::int64_t delta);
  void slots(std::string_view backend, std::uint32_t busy, std::uint32_t slots, bool healthy);
  void peer_link(std::string_view peer, bool up, Duration rtt, Duration report_age);
  void audit(bool writable, std::uint64_t entries, std::uint64_t unsynced, Duration lag);
  // Prometheus text format, version 0.0.4.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate::gateway
