// Three steps: judge every Region of the row, pick among those that can serve, say why.
#include "routing/routing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"

namespace tidegate::routing {
namespace {

using catalog::RegionId;
using catalog::Row;
using catalog::RowDestination;

// What a Region cannot take another request beside.
std::int64_t taken(const RegionSignals& s) {
  return std::int64_t{s.busy} + s.waiting + s.sent_unreported;
}

std::int32_t free_slots(const RegionSignals& s) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(s.slots - taken(s), 0, INT32_MAX));
}

Verdict judge(const RegionId& region, const RegionSignals& s, const Need& need) {
  if (need.subset && !need.subset->contains(region)) return Verdict::narrowed_out;
  switch (s.withdrawal.kind) {
    case Withdrawn::cordoned:
      return Verdict::cordoned;
    case Withdrawn::drained:
      return Verdict::drained;
    case Withdrawn::excluded:
      return Verdict::excluded;
    case Withdrawn::no:
      break;
  }
  if (std::ranges::find(need.tried, region) != need.tried.end()) return Verdict::already_tried;
  switch (s.standing) {
    case Standing::not_deployed:
      return Verdict::not_deployed;
    case Standing::unreachable:
      return Verdict::unreachable;
    case Standing::stale:
      return Verdict::stale_report;
    case Standing::local:
    case Standing::linked:
      break;
  }
  if (!s.serves_model) return Verdict::no_model;
  if (!s.knows_row) return Verdict::older_catalogue;
  if (s.draining) return Verdict::draining;
  if (!s.ready) return Verdict::not_ready;
  return free_slots(s) > 0 ? Verdict::could_serve : Verdict::full;
}

// Whether the verdict may be another one in a moment, so that waiting makes sense.
bool can_change(Verdict verdict) {
  switch (verdict) {
    case Verdict::full:
    case Verdict::not_ready:
    case Verdict::unreachable:
    case Verdict::stale_report:
    case Verdict::draining:
    case Verdict::older_catalogue:
      return true;
    case Verdict::chosen:
    case Verdict::could_serve:
    case Verdict::no_model:
    case Verdict::not_deployed:
    case Verdict::already_tried:
    case Verdict::cordoned:  // an operator's word is not waited out
    case Verdict::drained:
    case Verdict::excluded:
    case Verdict::narrowed_out:
      return false;
  }
  return false;
}

std::string occupancy(const Candidate& c) {
  std::string out = fmt::format("{} of {} slots busy", c.busy, c.slots);
  auto at = std::back_inserter(out);
  if (c.waiting > 0) fmt::format_to(at, ", {} waiting", c.waiting);
  if (c.sent_unreported > 0) fmt::format_to(at, ", {} sent since its report", c.sent_unreported);
  return out;
}

std::string with_note(std::string_view what, const Candidate& c) {
  return c.note ? fmt::format("{}: {}", what, *c.note) : fmt::format("{}, as it says", what);
}

Duration expected_delay(const RegionSignals& s) {
  const double load = s.slots == 0 ? 1.0 : static_cast<double>(taken(s)) / s.slots;
  return s.rtt + std::chrono::duration_cast<Duration>(delay_at_full_load * std::min(load, 1.0));
}

// Why another Region than the source was chosen.
Reason reason_to_leave(const Decision& decision, const RegionId& source) {
  const auto at = std::ranges::find(decision.considered, source, &Candidate::region);
  if (at == decision.considered.end()) return Reason::source_not_in_row;
  switch (at->verdict) {
    case Verdict::no_model:
    case Verdict::not_deployed:
      return Reason::source_no_model;
    case Verdict::draining:
    case Verdict::drained:
      return Reason::source_draining;
    case Verdict::cordoned:
      return Reason::source_cordoned;
    case Verdict::excluded:
      return Reason::source_excluded;
    case Verdict::narrowed_out:
      return Reason::source_narrowed_out;
    case Verdict::not_ready:
    case Verdict::unreachable:
    case Verdict::stale_report:
    case Verdict::older_catalogue:
      return Reason::source_unhealthy;
    case Verdict::already_tried:
      return Reason::retry;
    case Verdict::full:
    case Verdict::chosen:
    case Verdict::could_serve:
      break;
  }
  return Reason::source_full;
}

// The index of the best of those that can serve: the source, else one of the near ties for the
// smallest delay.
std::optional<std::size_t> pick(const std::vector<Candidate>& considered,
                                const std::vector<Duration>& delays, const RegionId& source,
                                Rng& rng) {
  Duration best = Duration::max();
  for (std::size_t i = 0; i < considered.size(); ++i) {
    if (considered[i].verdict != Verdict::could_serve) continue;
    if (considered[i].region == source) return i;
    best = std::min(best, delays[i]);
  }
  const auto tied = [&](std::size_t i) {
    return considered[i].verdict == Verdict::could_serve && delays[i] - best <= tie_window;
  };
  std::size_t ties = 0;
  for (std::size_t i = 0; i < considered.size(); ++i) ties += tied(i) ? 1 : 0;
  std::size_t skip = ties > 1 ? rng.below(ties) : 0;
  for (std::size_t i = 0; i < considered.size(); ++i) {
    if (tied(i) && skip-- == 0) return i;
  }
  return std::nullopt;
}

}  // namespace

Decision choose(const Row& row, const Signals& signals, const Need& need, Rng& rng) {
  Decision decision;
  std::vector<Duration> delays;
  decision.considered.reserve(row.destinations().size());
  delays.reserve(row.destinations().size());
  for (const RowDestination& destination : row.destinations()) {
    const RegionSignals s = signals(destination.region());
    const Verdict verdict = judge(destination.region(), s, need);
    delays.push_back(expected_delay(s));
    decision.considered.push_back({.region = destination.region(),
                                   .verdict = verdict,
                                   .free = free_slots(s),
                                   .rtt = s.rtt,
                                   .report_age = s.report_age,
                                   .slots = s.slots,
                                   .busy = s.busy,
                                   .waiting = s.waiting,
                                   .sent_unreported = s.sent_unreported,
                                   .note = s.withdrawal.note});
  }

  if (const auto chosen = pick(decision.considered, delays, row.source(), rng)) {
    decision.considered[*chosen].verdict = Verdict::chosen;
    decision.destination = row.destinations()[*chosen];
    if (!need.tried.empty()) {
      decision.reason = Reason::retry;
    } else if (decision.considered[*chosen].region == row.source()) {
      decision.reason = Reason::source_first;
    } else {
      decision.reason = reason_to_leave(decision, row.source());
    }
    return decision;
  }
  const bool may_change = std::ranges::any_of(decision.considered, can_change, &Candidate::verdict);
  const bool withdrawn = std::ranges::any_of(decision.considered, &Candidate::withdrawn);
  decision.reason = may_change  ? Reason::no_capacity
                    : withdrawn ? Reason::withdrawn
                                : Reason::no_candidate;
  return decision;
}

std::string sentence(const Candidate& c, std::string_view model_id) {
  switch (c.verdict) {
    case Verdict::chosen:
    case Verdict::could_serve:
      if (c.rtt == Duration(0)) return occupancy(c);  // local, or not measured yet
      return fmt::format("{}, {:.1f} ms away, report {} ms old", occupancy(c), seconds(c.rtt) * 1e3,
                         millis(c.report_age));
    case Verdict::full:
      return occupancy(c);
    case Verdict::not_ready:
      return "none of its model servers answers";
    case Verdict::no_model:
      return "no model server for " + std::string(model_id);
    case Verdict::unreachable:
      return "no live link";
    case Verdict::stale_report:
      return fmt::format("last report {} ms old, more than {} ms", millis(c.report_age),
                         millis(limits::report_fresh));
    case Verdict::not_deployed:
      return "in the row, not run by this deployment";
    case Verdict::already_tried:
      return "failed this request before its first byte";
    case Verdict::draining:
      return "draining, takes no new work";
    case Verdict::cordoned:
      return with_note("cordoned", c);
    case Verdict::drained:
      return with_note("drained", c);
    case Verdict::excluded:
      return with_note("excluded", c);
    case Verdict::narrowed_out:
      return "outside the part of the row that the caller keeps to";
    case Verdict::older_catalogue:
      return "its catalogue is older and does not have the row yet";
  }
  return {};
}

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::source_first:
      return "source_first";
    case Reason::source_full:
      return "source_full";
    case Reason::source_unhealthy:
      return "source_unhealthy";
    case Reason::source_draining:
      return "source_draining";
    case Reason::source_cordoned:
      return "source_cordoned";
    case Reason::source_excluded:
      return "source_excluded";
    case Reason::source_not_in_row:
      return "source_not_in_row";
    case Reason::source_narrowed_out:
      return "source_narrowed_out";
    case Reason::source_no_model:
      return "source_no_model";
    case Reason::retry:
      return "retry";
    case Reason::no_capacity:
      return "no_capacity";
    case Reason::withdrawn:
      return "withdrawn";
    case Reason::no_candidate:
      return "no_candidate";
  }
  return "unknown";
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::chosen:
      return "chosen";
    case Verdict::could_serve:
      return "could_serve";
    case Verdict::full:
      return "full";
    case Verdict::not_ready:
      return "not_ready";
    case Verdict::no_model:
      return "no_model";
    case Verdict::unreachable:
      return "unreachable";
    case Verdict::stale_report:
      return "stale_report";
    case Verdict::not_deployed:
      return "not_deployed";
    case Verdict::already_tried:
      return "already_tried";
    case Verdict::draining:
      return "draining";
    case Verdict::cordoned:
      return "cordoned";
    case Verdict::drained:
      return "drained";
    case Verdict::excluded:
      return "excluded";
    case Verdict::narrowed_out:
      return "narrowed_out";
    case Verdict::older_catalogue:
      return "older_catalogue";
  }
  return "unknown";
}

}  // namespace tidegate::routing
