#include "cli/replay_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/output.hpp"

namespace tidegate::cli::replay {
namespace {

std::vector<std::string> percentile_row(std::string name, const Percentiles& p) {
  if (p.count == 0) return {std::move(name), "-", "-", "-"};
  return {std::move(name), short_duration(p.p50), short_duration(p.p90), short_duration(p.p99)};
}

std::string_view verdict(bool holds) {
  return holds ? "holds" : "BROKEN";
}

}  // namespace

Percentiles percentiles(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](double share) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(rank, 1) - 1];
  };
  return {.count = values.size(), .p50 = at(0.5), .p90 = at(0.9), .p99 = at(0.99)};
}

Tally tally(const std::vector<Observation>& observations, const std::vector<RecordFacts>& records,
            const std::string& source, const std::set<std::string>& row, double duration) {
  Tally t;
  t.seconds = duration;
  std::map<std::string, std::vector<std::string>> recorded;  // request id -> Regions of its records
  for (const RecordFacts& record : records) {
    recorded[record.request_id].push_back(record.inference_region);
    ++t.records;
    const bool ran = record.inference_region != "none" && record.inference_region != "unknown";
    t.outside += ran && !row.contains(record.inference_region) ? 1 : 0;
  }
  std::vector<double> first, total, home, abroad;
  for (const Observation& seen : observations) {
    ++t.offered;
    switch (seen.ending) {
      case Ending::answered:
        ++t.answered;
        break;
      case Ending::refused:
        ++t.refused;
        break;
      case Ending::broken:
        ++t.broken;
        break;
      case Ending::unreachable:
        ++t.unreachable;
        break;
    }
    if (seen.ending != Ending::answered) ++t.by_error[seen.error];
    if (seen.ending == Ending::answered) {
      ++t.by_region[seen.inference_region];
      total.push_back(seconds(seen.total));
      if (seen.first_token >= Duration(0)) {
        first.push_back(seconds(seen.first_token));
        (seen.inference_region == source ? home : abroad).push_back(seconds(seen.first_token));
      }
    }
    if (seen.request_id.empty()) continue;
    ++t.known;
    const auto found = recorded.find(seen.request_id);
    if (found == recorded.end()) {
      ++t.missing;
    } else if (found->second.size() > 1) {
      ++t.repeated;
    } else if (seen.ending == Ending::answered && found->second.front() != seen.inference_region) {
      ++t.contradicted;
    }
  }
  t.first_token = percentiles(std::move(first));
  t.total = percentiles(std::move(total));
  t.first_token_home = percentiles(std::move(home));
  t.first_token_abroad = percentiles(std::move(abroad));
  return t;
}

std::string report_text(const Tally& t, const std::string& source,
                        const std::set<std::string>& deployed_row) {
  std::string out = fmt::format(
      "  offered {}   answered {}   refused {}   broken {}   unreachable {}   in {:.0f} s: {:.2f} "
      "answers/s\n",
      t.offered, t.answered, t.refused, t.broken, t.unreachable, t.seconds, t.throughput());
  for (const auto& [error, count] : t.by_error) out += fmt::format("    {} x {}\n", count, error);

  std::set<std::string> columns = deployed_row;
  for (const auto& [region, count] : t.by_region) columns.insert(region);
  std::vector<std::string> head{"SOURCE \\ INFERENCE"}, row{source};
  for (const std::string& region : columns) {
    head.push_back(region.empty() ? "(not told)" : region);
    const auto found = t.by_region.find(region);
    row.push_back(std::to_string(found == t.by_region.end() ? 0 : found->second));
  }
  Table matrix(std::move(head));
  matrix.add(std::move(row));
  Table times({"", "p50", "p90", "p99"});
  times.add(percentile_row("time to first token", t.first_token));
  times.add(percentile_row("  at home", t.first_token_home));
  times.add(percentile_row("  in another Region", t.first_token_abroad));
  times.add(percentile_row("latency", t.total));
  out += fmt::format("\n{}\n{}\n", matrix.text("  "), times.text("  "));

  out += fmt::format(
      "  audit records = requests            {} records, {} requests: {} missing, {} repeated, {} "
      "contradicted   {}\n",
      t.records, t.known, t.missing, t.repeated, t.contradicted, verdict(t.records_hold()));
  out += fmt::format("  processed outside the row = 0       {}   {}\n", t.outside,
                     verdict(t.fence_holds()));
  return out;
}

Advantage advantage_of(const Tally& pooled, const Tally& single) {
  constexpr double noise = 1.02;
  if (pooled.throughput() > single.throughput() * noise) return Advantage::shown;
  const bool carried = single.answered == single.offered && pooled.answered == pooled.offered;
  return carried && pooled.throughput() * noise > single.throughput() ? Advantage::not_told
                                                                      : Advantage::missing;
}

std::string comparison_text(const Tally& pooled, const Tally& single) {
  Table table({"", "THE ROW'S POOL", "THE SOURCE ALONE"});
  const auto count = [](std::size_t n) { return std::to_string(n); };
  const auto time = [](const Percentiles& p, double value) {
    return p.count == 0 ? std::string("-") : short_duration(value);
  };
  table.add({"answered", count(pooled.answered), count(single.answered)});
  table.add({"refused", count(pooled.refused), count(single.refused)});
  table.add({"answers a second", fmt::format("{:.2f}", pooled.throughput()),
             fmt::format("{:.2f}", single.throughput())});
  table.add({"first token p50", time(pooled.first_token, pooled.first_token.p50),
             time(single.first_token, single.first_token.p50)});
  table.add({"first token p99", time(pooled.first_token, pooled.first_token.p99),
             time(single.first_token, single.first_token.p99)});
  table.add(
      {"latency p50", time(pooled.total, pooled.total.p50), time(single.total, single.total.p50)});
  table.add(
      {"latency p99", time(pooled.total, pooled.total.p99), time(single.total, single.total.p99)});
  return table.text("  ");
}

}  // namespace tidegate::cli::replay
