#include "gateway/telemetry.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace tidegate::gateway {
namespace {

// The OpenTelemetry GenAI buckets, in seconds, with a finer start because a gateway is judged
// there.
const prometheus::Histogram::BucketBoundaries second_buckets{
    0.001, 0.0025, 0.005, 0.01, 0.02,  0.04,  0.08,  0.16, 0.32,
    0.64,  1.28,   2.56,  5.12, 10.24, 20.48, 40.96, 81.92};

}  // namespace

struct Telemetry::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter()
          .Name("tidegate_requests_total")
          .Help(
              "Requests of identified callers by operation, source and inference Region, outcome "
              "and route reason.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& durations =
      prometheus::BuildHistogram()
          .Name("tidegate_request_duration_seconds")
          .Help("From the request's arrival to its last byte.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& first_tokens =
      prometheus::BuildHistogram()
          .Name("tidegate_time_to_first_token_seconds")
          .Help("From the request's arrival to its first byte of answer.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& tokens =
      prometheus::BuildCounter()
          .Name("tidegate_tokens_total")
          .Help("Tokens of answered requests by type.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& refusals =
      prometheus::BuildCounter()
          .Name("tidegate_fence_refusals_total")
          .Help("Refusals at the fence, by the side that noticed and the rule.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& restrictions =
      prometheus::BuildGauge()
          .Name("tidegate_region_restricted")
          .Help("1 while an operator's restriction of the Region is in force here, by kind.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& attestations =
      prometheus::BuildCounter()
          .Name("tidegate_attestation_alarms_total")
          .Help(
              "Signatures over attestations and tokens that a peer owes and did not send in time, "
              "and batches of its that were refused.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& strangers =
      prometheus::BuildCounter()
          .Name("tidegate_unidentified_requests_total")
          .Help("Requests whose caller could not be identified, by reason.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& gauges_in_flight =
      prometheus::BuildGauge()
          .Name("tidegate_requests_in_flight")
          .Help("Admitted requests that have not ended.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& slots =
      prometheus::BuildGauge()
          .Name("tidegate_region_slots")
          .Help("Slots of this Region's model servers by state.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& told =
      prometheus::BuildGauge()
          .Name("tidegate_backend_requests")
          .Help("Requests running and waiting at the model server, as it tells; NaN is unknown.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& cache =
      prometheus::BuildGauge()
          .Name("tidegate_region_kv_cache_ratio")
          .Help("How much of its KV cache the model server uses, as it tells; NaN is unknown.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& healthy =
      prometheus::BuildGauge()
          .Name("tidegate_backend_up")
          .Help("1 while the model server answers its health check.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& links =
      prometheus::BuildGauge()
          .Name("tidegate_peer_link_up")
          .Help("1 while the link to the peer Region is live.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& rtts =
      prometheus::BuildGauge()
          .Name("tidegate_interregion_rtt_seconds")
          .Help("Round-trip time on the link to the peer Region.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& ages =
      prometheus::BuildGauge()
          .Name("tidegate_capacity_age_seconds")
          .Help("Age of the last load report of the peer Region.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& peer_epochs =
      prometheus::BuildGauge()
          .Name("tidegate_peer_catalog_epoch")
          .Help("The epoch of the peer's catalogue, as its last report says.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& audit =
      prometheus::BuildGauge()
          .Name("tidegate_audit")
          .Help("The audit log: writable, entries, unsynced entries, lag in seconds.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& catalog =
      prometheus::BuildGauge()
          .Name("tidegate_catalog_epoch")
          .Help("The epoch of the catalogue in force; 0 is the built-in library.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& catalog_refusals =
      prometheus::BuildCounter()
          .Name("tidegate_catalog_refusals_total")
          .Help("Bundles that were not taken into force, by the rule that they break.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& adequacy =
      prometheus::BuildGauge()
          .Name("tidegate_adequacy_days_left")
          .Help(
              "Days until the adequacy that the catalogue states of the Region ends; negative: it "
              "has ended.")
          .Register(registry);
  std::vector<prometheus::Gauge*> adequacy_shown;  // of the one thread that tells it
  prometheus::Gauge* in_flight = nullptr;
  std::string region;

  // One look-up instead of prometheus-cpp's map of label maps, and nothing built for it: this is on
  // every request's path.
  struct RequestSeries {
    prometheus::Counter* count;
    prometheus::Histogram* duration;
    prometheus::Histogram* first_token;
    prometheus::Counter* input;
    prometheus::Counter* output;
  };
  using Labels = std::array<std::string_view, 5>;
  struct LabelsHash {
    std::size_t operator()(const Labels& labels) const {
      std::size_t out = 0;
      for (const auto label : labels)
        out = (out ^ std::hash<std::string_view>{}(label)) * 0x9e3779b97f4a7c15u;
      return out;
    }
  };
  std::shared_mutex mutex;
  std::unordered_map<Labels, RequestSeries, LabelsHash> series;
  std::deque<std::string> label_text;  // what its keys are views of

  RequestSeries find(const RequestSample& s) {
    Labels key{s.operation, s.profile, s.inference_region, s.outcome, s.reason};
    {
      std::shared_lock lock(mutex);
      if (const auto found = series.find(key); found != series.end()) return found->second;
    }
    const std::string operation(s.operation), profile(s.profile), inference(s.inference_region);
    const prometheus::Labels where{
        {"operation", operation}, {"source_region", region}, {"inference_region", inference}};
    RequestSeries made{
        &requests.Add({{"operation", operation},
                       {"profile", profile},
                       {"source_region", region},
                       {"inference_region", inference},
                       {"outcome", std::string(s.outcome)},
                       {"reason", std::string(s.reason)}}),
        &durations.Add(where, second_buckets), &first_tokens.Add(where, second_buckets),
        &tokens.Add({{"type", "input"}, {"profile", profile}, {"inference_region", inference}}),
        &tokens.Add({{"type", "output"}, {"profile", profile}, {"inference_region", inference}})};
    std::unique_lock lock(mutex);
    if (const auto found = series.find(key); found != series.end()) return found->second;
    for (auto& label : key) label = label_text.emplace_back(label);
    return series.emplace(key, made).first->second;
  }
};

Telemetry::Telemetry(std::string_view region) : impl_(std::make_unique<Impl>()) {
  impl_->region = region;
  impl_->in_flight = &impl_->gauges_in_flight.Add({{"region", impl_->region}});
}
Telemetry::~Telemetry() = default;

void Telemetry::request(const RequestSample& sample) {
  const auto series = impl_->find(sample);
  series.count->Increment();
  series.duration->Observe(seconds(sample.duration));
  if (sample.first_byte >= Duration::zero())
    series.first_token->Observe(seconds(sample.first_byte));
  if (sample.input_tokens > 0) series.input->Increment(static_cast<double>(sample.input_tokens));
  if (sample.output_tokens > 0) series.output->Increment(static_cast<double>(sample.output_tokens));
}
void Telemetry::fence_refusal(std::string_view side, std::string_view rule) {
  impl_->refusals.Add({{"side", std::string(side)}, {"rule", std::string(rule)}}).Increment();
}
void Telemetry::restriction(std::string_view region, std::string_view kind, InForce in_force) {
  impl_->restrictions.Add({{"region", std::string(region)}, {"kind", std::string(kind)}})
      .Set(in_force == InForce::yes ? 1 : 0);
}
void Telemetry::unidentified(std::string_view reason) {
  impl_->strangers.Add({{"reason", std::string(reason)}}).Increment();
}
void Telemetry::in_flight(std::int64_t delta) {
  impl_->in_flight->Increment(static_cast<double>(delta));
}
void Telemetry::backend(const model::BackendState& state) {
  const std::string& name = state.config().name;
  const std::uint32_t busy = state.busy();
  const std::uint32_t total = state.config().slots;
  impl_->slots.Add({{"region", impl_->region}, {"backend", name}, {"state", "busy"}}).Set(busy);
  impl_->slots.Add({{"region", impl_->region}, {"backend", name}, {"state", "free"}})
      .Set(total - std::min(state.busy(), total));
  const model::Load load = state.load();
  const auto known = [](const auto& value) {
    return value ? static_cast<double>(*value) : std::numeric_limits<double>::quiet_NaN();
  };
  const auto set_told = [&](const char* what, double value) {
    impl_->told.Add({{"region", impl_->region}, {"backend", name}, {"state", what}}).Set(value);
  };
  set_told("running", known(load.running));
  set_told("waiting", known(load.waiting));
  impl_->cache.Add({{"region", impl_->region}, {"backend", name}}).Set(known(load.cache_used));
  impl_->healthy.Add({{"region", impl_->region}, {"backend", name}}).Set(state.healthy() ? 1 : 0);
}
void Telemetry::attestations(std::string_view peer, std::string_view of, std::string_view state,
                             std::size_t count) {
  impl_->attestations
      .Add({{"peer", std::string(peer)}, {"of", std::string(of)}, {"state", std::string(state)}})
      .Increment(static_cast<double>(count));
}
void Telemetry::peer_link(std::string_view peer, const LinkSample& sample) {
  const prometheus::Labels labels{{"region", impl_->region}, {"peer", std::string(peer)}};
  impl_->links.Add(labels).Set(sample.up ? 1 : 0);
  impl_->rtts.Add(labels).Set(seconds(sample.rtt));
  impl_->ages.Add(labels).Set(seconds(sample.report_age));
  impl_->peer_epochs.Add(labels).Set(static_cast<double>(sample.catalog_epoch));
}
void Telemetry::audit(const audit::Log::Health& health) {
  const auto set = [&](const char* what, double value) {
    impl_->audit.Add({{"region", impl_->region}, {"what", what}}).Set(value);
  };
  set("writable", health.writable ? 1 : 0);
  set("entries", static_cast<double>(health.entries));
  set("unsynced", static_cast<double>(health.unsynced));
  set("lag_seconds", seconds(health.oldest_unsynced));
}
void Telemetry::catalog_epoch(std::uint64_t epoch) {
  impl_->catalog.Add({{"region", impl_->region}}).Set(static_cast<double>(epoch));
}
void Telemetry::catalog_refused(std::string_view rule) {
  impl_->catalog_refusals.Add({{"rule", std::string(rule)}}).Increment();
}
void Telemetry::adequacy(const std::vector<catalog::AdequacyEnd>& ends) {
  for (prometheus::Gauge* gauge : std::exchange(impl_->adequacy_shown, {})) {
    impl_->adequacy.Remove(gauge);
  }
  for (const catalog::AdequacyEnd& end : ends) {
    auto& gauge = impl_->adequacy.Add({{"region", end.region.str()}});
    gauge.Set(static_cast<double>(end.days));
    impl_->adequacy_shown.push_back(&gauge);
  }
}
std::string Telemetry::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace tidegate::gateway
