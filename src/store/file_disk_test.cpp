#include "store/file_disk.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "audit/testing.hpp"
#include "audit/verify.hpp"
#include "base/limits.hpp"
#include "store/storage_thread.hpp"
#include "store/temporary_folder.hpp"

namespace tidegate::store {
namespace {

using audit::testing::full_record;
using audit::testing::write_both;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

TEST(FileDisk, AppendsReadsAndForgets) {
  TemporaryFolder folder;
  const auto disk = FileDisk::open(folder / "audit");
  ASSERT_TRUE(disk) << disk.error().message;
  {
    const auto file = (*disk)->open_append("b");
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->append("hello "));
    ASSERT_TRUE((*file)->append("world"));
    ASSERT_TRUE((*file)->sync());
    EXPECT_EQ((*file)->size(), 11u);
    ASSERT_TRUE((*disk)->open_append("a"));
  }
  EXPECT_EQ(*(*disk)->list(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(*(*disk)->read("b", 6, 100), "world");
  EXPECT_EQ(*(*disk)->read("b", 100, 100), "");
  ASSERT_TRUE((*disk)->truncate("b", 5));
  EXPECT_EQ(*(*disk)->size("b"), 5u);
  EXPECT_EQ(mode_of(folder / "audit"), 0700u);
  EXPECT_EQ(mode_of(folder / "audit/b"), 0600u);
  ASSERT_TRUE((*disk)->remove("b"));
  EXPECT_FALSE((*disk)->size("b"));
  EXPECT_FALSE((*disk)->read("b", 0, 1));
  for (const char* outside : {"../x", "/etc/passwd", ".", "", ".hidden"}) {
    EXPECT_FALSE((*disk)->open_append(outside)) << outside;
  }
}

TEST(FileDisk, AFileUnderWayEndsWithItsReserve) {
  TemporaryFolder folder;
  const auto disk = FileDisk::open(folder / "audit");
  ASSERT_TRUE(disk) << disk.error().message;
  const std::string path = folder / "audit/f";
  const std::string line = std::string(999, 'x') + "\n";
  std::string written;
  auto file = *(*disk)->open_append("f");
  const auto append = [&] {
    ASSERT_TRUE(file->append(line));
    written += line;
  };
  append();
  ASSERT_TRUE(file->sync());
  if (std::filesystem::file_size(path) == written.size()) {
    GTEST_SKIP() << "a temporary folder in memory: no reserve";
  }
  EXPECT_GE(std::filesystem::file_size(path), limits::audit_reserve_syncs * line.size());
  EXPECT_EQ(*(*disk)->size("f"), written.size());
  EXPECT_EQ(file->size(), written.size());
  EXPECT_EQ(*(*disk)->read("f", 999, 3), "\n\n\n");

  // Appends that outrun it, and then one in it.
  for (int i = 0; i < 3'000; ++i) append();
  ASSERT_TRUE(file->sync());
  append();
  EXPECT_LE(std::filesystem::file_size(path),
            written.size() + limits::audit_reserve_bytes_max + limits::audit_reserve_step_bytes);
  EXPECT_EQ(*(*disk)->size("f"), written.size());
  EXPECT_EQ(*(*disk)->read("f", 0, written.size()), written);

  // What a crash leaves is gone on with, and what is closed has none.
  std::filesystem::copy(path, folder / "audit/g");
  ASSERT_TRUE((*(*disk)->open_append("g"))->append(line));
  EXPECT_EQ(*(*disk)->read("g", 0, 2 * written.size()), written + line);
  file.reset();
  EXPECT_EQ(std::filesystem::file_size(path), written.size());
}

TEST(FileDisk, FindsWhereTheLinesEndBehindAnyReserve) {
  TemporaryFolder folder;
  const auto disk = FileDisk::open(folder / "audit");
  ASSERT_TRUE(disk) << disk.error().message;
  constexpr std::size_t step = limits::audit_reserve_step_bytes;
  for (const std::size_t lines : {std::size_t{2}, step - 1, step, step + 1}) {
    for (const std::size_t reserve : {std::size_t{0}, std::size_t{1}, step - 1, step, 3 * step}) {
      std::ofstream(folder / "audit/f")
          << std::string(lines - 1, 'x') << std::string(reserve + 1, '\n');
      EXPECT_EQ(*(*disk)->size("f"), lines) << reserve;
    }
  }
  std::ofstream(folder / "audit/f") << std::string(2 * step, '\n');
  EXPECT_EQ(*(*disk)->size("f"), 0u);
  std::ofstream(folder / "audit/f") << "torn";
  EXPECT_EQ(*(*disk)->size("f"), 4u);
}

TEST(FileDisk, AppendsWhileTheReserveGrows) {
  TemporaryFolder folder;
  const auto disk = FileDisk::open(folder / "audit");
  ASSERT_TRUE(disk) << disk.error().message;
  const auto file = *(*disk)->open_append("f");
  std::string written;
  std::atomic<bool> done = false;
  std::thread storage([&] {
    while (!done) EXPECT_TRUE(file->sync());
  });
  for (int i = 0; i < 20'000; ++i) {
    const std::string line = std::to_string(i) + std::string(i % 400, 'x') + "\n";
    EXPECT_TRUE(file->append(line));
    written += line;
  }
  done = true;
  storage.join();
  EXPECT_EQ(*(*disk)->size("f"), written.size());
  EXPECT_EQ(*(*disk)->read("f", 0, written.size()), written);
}

TEST(FileDisk, OneGatewayAFolder) {
  TemporaryFolder folder;
  auto first = FileDisk::open(folder / "audit");
  ASSERT_TRUE(first);
  const auto second = FileDisk::open(folder / "audit");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().mend.find("state_dir"), std::string::npos);
  first->reset();
  EXPECT_TRUE(FileDisk::open(folder / "audit"));
}

std::unique_ptr<audit::Log> open_log(const std::string& folder, Clock& clock,
                                     audit::Durability durability) {
  auto disk = FileDisk::open(folder);
  EXPECT_TRUE(disk) << disk.error().message;
  auto log = audit::Log::open(
      std::move(*disk), clock,
      {.region = "eu-south-1", .durability = durability, .segment_bytes_max = 200'000});
  EXPECT_TRUE(log) << log.error().message;
  return std::move(*log);
}

std::size_t count_records(audit::Log& log, std::string_view outcome) {
  audit::EventQuery query;
  query.account = "111122223333";
  std::size_t count = 0;
  do {
    const auto page = log.lookup(query);
    EXPECT_TRUE(page) << page.error().message;
    if (!page) break;
    for (const auto& one : page->records) {
      count += json::find_string(one.at("tidegate").as_object(), "outcome") == outcome;
    }
    query.next_token = page->next_token;
  } while (!query.next_token.empty());
  return count;
}

void expect_chain(const std::string& folder) {
  const auto disk = FileDisk::open(folder);
  ASSERT_TRUE(disk) << disk.error().message;
  const auto report = audit::verify_chain(**disk);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->holds()) << report->findings.front();
}

// A process that appends and says how far it came is killed; what it said is in the log, once.
TEST(AuditLogOnFiles, SurvivesKill) {
  TemporaryFolder folder;
  const std::string path = folder / "audit";
  SystemClock clock;
  std::size_t recorded = 0;  // by the rounds before
  for (int round = 0; round < 3; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto log = open_log(path, clock, audit::Durability::relaxed);
      for (int i = round * 1'000;; ++i) {
        const audit::Record record = full_record(i, clock.wall());
        if (!write_both(*log, record)) ::_exit(1);
        if (::write(pipe[1], "x", 1) != 1) ::_exit(2);
        if (i % 7 == 0) log->tick();
      }
    }
    ::close(pipe[1]);
    std::size_t answered = 0;
    char byte;
    while (answered < 300 && ::read(pipe[0], &byte, 1) == 1) ++answered;
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    while (::read(pipe[0], &byte, 1) == 1) ++answered;
    ::close(pipe[0]);

    const auto log = open_log(path, clock, audit::Durability::relaxed);
    log->tick();
    const std::size_t success = count_records(*log, "Success");
    const std::size_t interrupted = count_records(*log, "Interrupted");
    EXPECT_GE(success + interrupted, recorded + answered);
    EXPECT_LE(success + interrupted, recorded + answered + 1) << "at most the one it was at";
    EXPECT_LE(interrupted, static_cast<std::size_t>(round) + 1);
    recorded = success + interrupted;
  }
  expect_chain(path);
}

// A real short write: the file may not grow beyond a limit, and the kernel writes what fits.
TEST(AuditLogOnFiles, AShortWriteIsPassedOver) {
  TemporaryFolder folder;
  const std::string path = folder / "audit";
  SystemClock clock;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 10'000, .rlim_max = 10'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto log = open_log(path, clock, audit::Durability::relaxed);
    int written = 0;
    for (int i = 0; i < 9; ++i) {
      if (log->append_closed(full_record(i, clock.wall()))) {
        ++written;
      } else {
        log->tick();  // goes on in a new file
      }
    }
    ::_exit(written);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  const auto log = open_log(path, clock, audit::Durability::relaxed);
  log->tick();
  EXPECT_GT(WEXITSTATUS(status), 5);
  EXPECT_EQ(count_records(*log, "Success"), static_cast<std::size_t>(WEXITSTATUS(status)));
}

TEST(StorageThread, SyncsRelaxedAndStrict) {
  for (const auto durability : {audit::Durability::relaxed, audit::Durability::strict}) {
    TemporaryFolder folder;
    SystemClock clock;
    auto log = open_log(folder / "audit", clock, durability);
    {
      StorageThread storage(*log);
      std::vector<std::thread> workers;
      for (int worker = 0; worker < 3; ++worker) {
        workers.emplace_back([&, worker] {
          for (int i = 0; i < 100; ++i) {
            const auto record = full_record(worker * 100 + i, clock.wall());
            const auto closed = write_both(*log, record);
            ASSERT_TRUE(closed);
            std::promise<bool> synced;
            log->on_synced(closed->ticket,
                           [&](Result<void> done) { synced.set_value(done.has_value()); });
            EXPECT_TRUE(synced.get_future().get());
          }
        });
      }
      for (std::thread& worker : workers) worker.join();
    }
    EXPECT_EQ(log->health().unsynced, 0u);
    EXPECT_EQ(log->health().entries, 600u);
    EXPECT_EQ(count_records(*log, "Success"), 300u);
    log.reset();
    expect_chain(folder / "audit");
  }
}

}  // namespace
}  // namespace tidegate::store
