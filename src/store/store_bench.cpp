// What the log costs a request on a real folder: two appends on the caller, the rest on the storage
// thread. Set TMPDIR to the disk that matters.
#include <benchmark/benchmark.h>

#include "audit/testing.hpp"
#include "store/file_disk.hpp"
#include "store/storage_thread.hpp"
#include "store/temporary_folder.hpp"

namespace tidegate::store {
namespace {

void append_opened_and_closed(benchmark::State& state) {
  TemporaryFolder folder;
  SystemClock clock;
  auto log = *audit::Log::open(*FileDisk::open(folder / "audit"), clock, {.region = "eu-south-1"});
  StorageThread storage(*log);
  const audit::Record record = audit::testing::full_record(1, clock.wall());
  for (auto _ : state) {
    if (!audit::testing::write_both(*log, record)) state.SkipWithError("refused");
  }
}
BENCHMARK(append_opened_and_closed)->UseRealTime();

void sync(benchmark::State& state) {
  TemporaryFolder folder;
  const auto disk = *FileDisk::open(folder / "audit");
  const auto file = *disk->open_append("f");
  const std::string line(2'500, 'x');
  for (auto _ : state) {
    if (!file->append(line) || !file->sync()) state.SkipWithError("failed");
  }
}
BENCHMARK(sync)->UseRealTime();

}  // namespace
}  // namespace tidegate::store
