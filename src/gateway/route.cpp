// Stage 6, route: where? routing::choose() decides from the signals of this moment; what it cannot
// place waits in order, for a bounded time.
#include <fmt/format.h>

#include "base/sabotage.hpp"
#include "gateway/counted.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

// Waiting cannot help.
bool is_final(routing::Reason reason) {
  return reason == routing::Reason::no_candidate || reason == routing::Reason::withdrawn;
}

// To callers: what operators have taken out of use, and why; not who decided it.
Error withdrawn_error(const routing::Decision& decision, std::string_view model_id) {
  std::string regions;
  for (const auto& candidate : decision.considered) {
    if (!candidate.withdrawn()) continue;
    regions += fmt::format("{}{} ({})", regions.empty() ? "" : ", ", candidate.region.str(),
                           routing::sentence(candidate, model_id));
  }
  return {.code = ErrorCode::regions_withdrawn,
          .message = "Bedrock is unable to process your request.",
          .mend = fmt::format("Operators have taken out of use: {}. No other Region of the "
                              "profile's row could run it.",
                              regions),
          .why = {}};
}

std::unexpected<Error> refusal(const routing::Decision& decision, std::string_view model_id) {
  std::string regions;
  for (const auto& candidate : decision.considered) {
    if (!regions.empty()) regions += ", ";
    regions +=
        fmt::format("{}: {}", candidate.region.str(), routing::sentence(candidate, model_id));
  }
  Error error = decision.reason == routing::Reason::withdrawn ? withdrawn_error(decision, model_id)
                                                              : capacity_error();
  error.why = std::move(regions);
  return fail(std::move(error));
}

// What may be chosen from: the row. Where that layer is sabotaged, the longest row that the source
// has, whatever the profile.
const catalog::Row& choices(const Target& target, const Snapshot& snapshot) {
  if (!sabotage::off(sabotage::Layer::row)) return *target.row;
  const catalog::Row* longest = target.row;
  for (const catalog::Profile* profile : snapshot.catalog->profiles_from(target.row->source())) {
    const catalog::Row* row = profile->row(target.row->source());
    if (row->destinations().size() > longest->destinations().size()) longest = row;
  }
  return *longest;
}

}  // namespace

Task<Result<routing::Decision>> Pipeline::route(http::Exchange& exchange, Trail& trail,
                                                MonoTime deadline) {
  const catalog::Row& row = choices(*trail.target, *trail.snapshot);
  bool failed_before = false;
  const auto decide = [&] {
    routing::Need need{
        .model_id = trail.target->model_id,
        .tried = {},
        .subset = sabotage::off(sabotage::Layer::row) ? nullptr : trail.target->subset.get()};
    bool handed_back = false;
    for (std::size_t i = 0; i < trail.attempts.size(); ++i) {
      const catalog::RegionId region(trail.attempt_records[i].region);
      // A Region that failed is not asked again; one that had no room may have some once it has
      // reported anew.
      const bool full =
          trail.attempts[i].error && trail.attempts[i].error->code == ErrorCode::peer_capacity;
      const bool asked_anew = region == region_.config().region ||
                              worker_.last_report(region) > trail.attempts[i].ended;
      if (full && asked_anew) continue;
      need.tried.push_back(region);
      (full ? handed_back : failed_before) = true;
    }
    auto decision = routing::choose(
        row,
        [&](const catalog::RegionId& r) {
          return worker_.signals(r, need.model_id, row, *trail.snapshot->catalog);
        },
        need, worker_.rng());
    if (handed_back && is_final(decision.reason)) decision.reason = routing::Reason::no_capacity;
    return decision;
  };
  // Those that keep to another part of the row wait in another queue: its room is not theirs.
  std::string part;
  if (trail.target->subset) part = row.hash() + ' ' + trail.target->subset->names();
  const std::string& queue = part.empty() ? row.hash() : part;
  const MonoTime began = worker_.loop().now();
  WaitQueues& queues = worker_.queues();
  if (queues.empty(queue)) {
    routing::Decision decision = decide();
    if (decision.destination) co_return decision;
    if (is_final(decision.reason)) {
      // Nobody is left to ask: what the last one said is the answer; else say who was considered.
      if (failed_before) co_return fail(*trail.attempts.back().error);
      trail.decision = decision;
      co_return refusal(decision, trail.target->model_id);
    }
  }
  if (queues.size() >= limits::capacity_waiters_max) {
    trail.decision = decide();
    co_return refusal(*trail.decision, trail.target->model_id);
  }
  Counted waiting(region_.waiting());
  WaitQueues::Place place(queues, queue);
  for (;;) {
    if (place.first()) {
      routing::Decision decision = decide();
      if (decision.destination || worker_.loop().now() >= deadline || is_final(decision.reason)) {
        trail.queued += worker_.loop().now() - began;
        if (decision.destination) co_return decision;
        trail.decision = decision;
        co_return refusal(decision, trail.target->model_id);
      }
    }
    const Wake wake = co_await place.event().wait_until(deadline, &exchange.cancellation());
    if (wake == Wake::cancelled) co_return fail(ErrorCode::cancelled, "The client has gone.");
    if (wake == Wake::timed_out && !place.first()) {
      trail.queued += worker_.loop().now() - began;
      trail.decision = decide();
      trail.decision->destination.reset();
      trail.decision->reason = routing::Reason::no_capacity;
      co_return refusal(*trail.decision, trail.target->model_id);
    }
  }
}

}  // namespace tidegate::gateway
