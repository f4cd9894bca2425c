// What the log costs a request: an opened and a closed entry, on a disk that costs nothing.
#include <benchmark/benchmark.h>

#include "audit/entry.hpp"
#include "audit/frame.hpp"
#include "audit/testing.hpp"

namespace tidegate::audit {
namespace {

class NoDisk final : public Disk {
 public:
  class File final : public Disk::File {
   public:
    Result<void> append(std::string_view) override { return {}; }
    Result<void> sync() override { return {}; }
    std::uint64_t size() const override { return 0; }
  };
  Result<std::unique_ptr<Disk::File>> open_append(const std::string&) override {
    return std::make_unique<File>();
  }
  Result<std::string> read(const std::string&, std::uint64_t, std::size_t) override { return ""; }
  Result<std::uint64_t> size(const std::string&) override { return 0; }
  Result<std::vector<std::string>> list() override { return std::vector<std::string>(); }
  Result<void> remove(const std::string&) override { return {}; }
  Result<void> truncate(const std::string&, std::uint64_t) override { return {}; }
};

const WallTime noon = std::chrono::sys_days{std::chrono::year{2026} / 6 / 8};

void entry(benchmark::State& state, Stage stage) {
  Record record = testing::full_record(1, noon);
  record.opened = OpenedAt{};
  Buffer line;
  for (auto _ : state) {
    line.clear();
    append_entry(line, stage, record, {});
    benchmark::DoNotOptimize(line.view().data());
  }
  state.counters["bytes"] = static_cast<double>(line.size());
}
BENCHMARK_CAPTURE(entry, opened, Stage::opened);
BENCHMARK_CAPTURE(entry, closed, Stage::closed);

// The two entries of each of a turn's requests in one write, and the storage thread's part of it.
void requests_of_one_turn(benchmark::State& state) {
  VirtualLoop loop;
  const auto log = *Log::open(std::make_unique<NoDisk>(), loop.clock(), {.region = "eu-south-1"});
  Record record = testing::full_record(1, noon);
  record.opened = OpenedAt{};
  const auto requests = state.range(0);
  Buffer lines;
  for (auto _ : state) {
    lines.clear();
    for (std::int64_t i = 0; i < requests; ++i) {
      append_entry(lines, Stage::opened, record, {});
      append_entry(lines, Stage::closed, record, {});
    }
    (void)log->append(lines.view(), static_cast<std::uint64_t>(2 * requests));
    log->tick();
  }
  state.counters["ns_a_request"] = benchmark::Counter(
      static_cast<double>(requests) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(requests_of_one_turn)->Arg(1)->Arg(16)->Arg(64);

void append_opened_and_closed(benchmark::State& state) {
  static VirtualLoop loop;
  static std::unique_ptr<Log> log;
  if (state.thread_index() == 0) {
    log = *Log::open(std::make_unique<NoDisk>(), loop.clock(), {.region = "eu-south-1"});
  }
  const Record record = testing::full_record(1, noon);
  std::size_t until_tick = 0;
  for (auto _ : state) {
    (void)testing::write_both(*log, record);
    if (state.thread_index() == 0 && ++until_tick % 100 == 0) log->tick();
  }
}
BENCHMARK(append_opened_and_closed)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace tidegate::audit
