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

void document(benchmark::State& state, Stage stage) {
  const Record record = testing::full_record(1, noon);
  std::string line;
  for (auto _ : state) {
    line.clear();
    begin_frame(line, kind::closed, noon, record.request_id);
    append_document(line, record, stage);
    end_frame(line, 0);
    benchmark::DoNotOptimize(line.data());
  }
  state.counters["bytes"] = static_cast<double>(line.size());
}
BENCHMARK_CAPTURE(document, opened, Stage::opened);
BENCHMARK_CAPTURE(document, closed, Stage::closed);

void append_opened_and_closed(benchmark::State& state) {
  static VirtualLoop loop;
  static std::unique_ptr<Log> log;
  if (state.thread_index() == 0) {
    log = *Log::open(std::make_unique<NoDisk>(), loop.clock(), {.region = "eu-south-1"});
  }
  const Record record = testing::full_record(1, noon);
  std::size_t until_tick = 0;
  for (auto _ : state) {
    (void)log->append_opened(record);
    (void)log->append_closed(record);
    if (state.thread_index() == 0 && ++until_tick % 100 == 0) log->tick();
  }
}
BENCHMARK(append_opened_and_closed)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace tidegate::audit
