// What /metrics shows. Labels are bounded: Regions, operations, outcomes and reasons; never a
// request id, a principal, an account or anything a caller wrote.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "audit/log.hpp"
#include "base/time.hpp"
#include "catalog/adequacy.hpp"
#include "model/backend.hpp"

namespace tidegate::gateway {

struct RequestSample {
  std::string_view operation, profile, source_region, inference_region, outcome, reason;
  Duration duration{0};
  Duration first_byte{-1};  // negative: there was none
  std::int64_t input_tokens = 0, output_tokens = 0;
};

struct LinkSample {
  bool up = false;
  Duration rtt{0};
  Duration report_age{0};
  std::uint64_t catalog_epoch = 0;  // by its last report; 0: the built-in library, or no report
};

// Thread-safe; one a Region.
class Telemetry {
 public:
  explicit Telemetry(std::string_view region);
  ~Telemetry();
  void request(const RequestSample& sample);
  void fence_refusal(std::string_view side, std::string_view rule);  // side: source, destination
  // kind: cordon, drain, exclude.
  enum class InForce : std::uint8_t { no, yes };
  void restriction(std::string_view region, std::string_view kind, InForce in_force);
  // of: attestations, tokens; state: missing (the peer's signature did not come), refused.
  void attestations(std::string_view peer, std::string_view of, std::string_view state,
                    std::size_t count);
  void unidentified(std::string_view reason);
  void in_flight(std::int64_t delta);
  void backend(const model::BackendState& state);
  void peer_link(std::string_view peer, const LinkSample& sample);
  void audit(const audit::Log::Health& health);
  void catalog_epoch(std::uint64_t epoch);
  void catalog_refused(std::string_view rule);
  // All that the catalogue in force states; what it states no more is no longer shown.
  void adequacy(const std::vector<catalog::AdequacyEnd>& ends);
  // Prometheus text format, version 0.0.4.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate::gateway
