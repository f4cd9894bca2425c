#include "store/file_disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/limits.hpp"

namespace tidegate::store {
namespace {

std::unexpected<Error> failed(std::string_view what, std::string_view name, int error) {
  return fail(
      Error{.code = ErrorCode::audit_unavailable,
            .origin = Origin::store,
            .retry = Retry::never,
            .message = fmt::format("{} {}: {}", what, name, std::generic_category().message(error)),
            .mend = {},
            .why = {}});
}

// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

Result<Descriptor> open_in(int folder, const std::string& name, int flags) {
  // Our own names only: none leaves the folder.
  if (name.empty() || name.front() == '.' || name.contains('/')) {
    return failed("open", name, EINVAL);
  }
  Descriptor file(uninterrupted(
      [&] { return ::openat(folder, name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600); }));
  if (!file) return failed("open", name, errno);
  return file;
}

Result<void> sync_folder(int folder) {
  if (uninterrupted([&] { return ::fsync(folder); }) != 0) return failed("sync", "folder", errno);
  return {};
}

bool is_in_memory(int file) {
  struct statfs system{};
  return ::fstatfs(file, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

// What stands behind the last line of a file that is being written: lines of nothing.
constexpr char blank = '\n';

// Where what was appended ends.
Result<std::uint64_t> end_of_lines(int file, const std::string& name) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return failed("stat", name, errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::string block(limits::audit_reserve_step_bytes, '\0');
  for (std::uint64_t end = size; end > 0;) {
    const std::uint64_t from = end - std::min<std::uint64_t>(end, block.size());
    const ssize_t got = uninterrupted(
        [&] { return ::pread(file, block.data(), end - from, static_cast<off_t>(from)); });
    if (got < 0) return failed("read", name, errno);
    const std::size_t last =
        std::string_view(block.data(), static_cast<std::size_t>(got)).find_last_not_of(blank);
    // The first blank behind it is its own line feed.
    if (last != std::string_view::npos) return std::min(size, from + last + 2);
    end = from;
  }
  return 0;
}

// A file that becomes longer makes each append wait while its length before is on its way into the
// file system's journal. So the storage thread makes it longer ahead of the appends, by blank lines
// for many syncs at once; a sync in between writes bytes in place, and no journal. Where there is
// no such reserve (no space for it, appends that were faster, a file system in memory) an append
// does without.
class AppendFile final : public audit::Disk::File {
 public:
  AppendFile(Descriptor file, std::string name, std::uint64_t end)
      : file_(std::move(file)),
        name_(std::move(name)),
        end_(end),
        synced_(end),
        can_reserve_(!is_in_memory(file_.get())) {}
  ~AppendFile() override { cut(); }

  // One pwrite(2). A short one (the disk is full) is an error; what it left is the log's to pass
  // over.
  Result<void> append(std::string_view bytes) override {
    std::unique_lock lock(growing_, std::defer_lock);
    if (end_ + bytes.size() > reserved_) lock.lock();
    const ssize_t written = write_at(end_, bytes);
    const int error = written < 0 ? errno : ENOSPC;
    if (written > 0) end_ += static_cast<std::uint64_t>(written);
    if (written >= 0 && static_cast<std::size_t>(written) == bytes.size()) return {};
    if (!lock) lock.lock();
    cut();
    return failed("write", name_, error);
  }

  Result<void> sync() override {
    reserve();
    if (uninterrupted([&] { return ::fdatasync(file_.get()); }) != 0) {
      return failed("sync", name_, errno);
    }
    return {};
  }

  std::uint64_t size() const override { return end_; }

 private:
  ssize_t write_at(std::uint64_t offset, std::string_view bytes) {
    return uninterrupted([&] {
      return ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
  }

  // As much as the coming syncs need, if they are like this one; no more, since a disk that becomes
  // full refuses requests when the reserve is used up. In small steps: an append meanwhile waits
  // for one of them at most, and its thread may have the processor in between.
  void reserve() {
    static const std::string blanks(limits::audit_reserve_step_bytes, blank);
    const std::uint64_t end = end_;
    const std::uint64_t ahead =
        std::min<std::uint64_t>(limits::audit_reserve_syncs * (end - std::exchange(synced_, end)),
                                limits::audit_reserve_bytes_max);
    if (reserved_ >= end + ahead / 2) return;
    for (; can_reserve_ && reserved_ < end + ahead; std::this_thread::yield()) {
      std::scoped_lock lock(growing_);
      if (!can_reserve_) return;
      const std::uint64_t from = std::max<std::uint64_t>(reserved_, end_);
      const ssize_t written = write_at(from, blanks);
      if (written > 0) reserved_ = from + static_cast<std::uint64_t>(written);
      can_reserve_ = written > 0;
    }
  }

  // Nothing is appended any more.
  void cut() {
    can_reserve_ = false;
    (void)uninterrupted([&] { return ::ftruncate(file_.get(), static_cast<off_t>(end_)); });
  }

  const Descriptor file_;
  const std::string name_;
  std::atomic<std::uint64_t> end_;           // of the lines; one appends at a time
  std::atomic<std::uint64_t> reserved_ = 0;  // the end of the blanks behind them
  std::uint64_t synced_;                     // the storage thread's: end_ at its last sync
  std::atomic<bool> can_reserve_;
  std::mutex growing_;  // held to write behind reserved_, where blanks and an append could meet
};

}  // namespace

Result<std::unique_ptr<FileDisk>> FileDisk::open(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failed("make", folder, errno);
  TRY(auto disk, open_to_read(folder));
  if (::flock(disk->folder_.get(), LOCK_EX | LOCK_NB) != 0) {
    auto error = failed("lock", folder, errno);
    error.error().mend = "Another gateway uses this folder; give each Region its own state_dir.";
    return error;
  }
  return disk;
}

Result<std::unique_ptr<FileDisk>> FileDisk::open_to_read(const std::string& folder) {
  Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return failed("open", folder, errno);
  return std::unique_ptr<FileDisk>(new FileDisk(std::move(opened)));
}

Result<std::unique_ptr<audit::Disk::File>> FileDisk::open_append(const std::string& name) {
  TRY(Descriptor file, open_in(folder_.get(), name, O_RDWR | O_CREAT));
  TRY_VOID(sync_folder(folder_.get()));
  TRY(const std::uint64_t end, end_of_lines(file.get(), name));
  return std::make_unique<AppendFile>(std::move(file), name, end);
}

Result<std::string> FileDisk::read(const std::string& name, std::uint64_t offset,
                                   std::size_t bytes) {
  TRY(const Descriptor file, open_in(folder_.get(), name, O_RDONLY));
  std::string out(bytes, '\0');
  std::size_t have = 0;
  while (have < bytes) {
    const ssize_t got = uninterrupted([&] {
      return ::pread(file.get(), out.data() + have, bytes - have,
                     static_cast<off_t>(offset + have));
    });
    if (got < 0) return failed("read", name, errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  out.resize(have);
  return out;
}

Result<std::uint64_t> FileDisk::size(const std::string& name) {
  TRY(const Descriptor file, open_in(folder_.get(), name, O_RDONLY));
  return end_of_lines(file.get(), name);
}

Result<std::vector<std::string>> FileDisk::list() {
  // A descriptor of its own: the place in the list belongs to the descriptor.
  Descriptor again(::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) return failed("open", "folder", errno);
  DIR* const entries = ::fdopendir(again.get());
  if (!entries) return failed("list", "folder", errno);
  (void)again.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(entries)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(entries);
  if (error != 0) return failed("list", "folder", error);
  std::ranges::sort(names);
  return names;
}

Result<void> FileDisk::remove(const std::string& name) {
  if (::unlinkat(folder_.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
    return failed("remove", name, errno);
  }
  return sync_folder(folder_.get());
}

Result<void> FileDisk::truncate(const std::string& name, std::uint64_t size) {
  TRY(const Descriptor file, open_in(folder_.get(), name, O_WRONLY));
  if (uninterrupted([&] { return ::ftruncate(file.get(), static_cast<off_t>(size)); }) != 0 ||
      uninterrupted([&] { return ::fdatasync(file.get()); }) != 0) {
    return failed("truncate", name, errno);
  }
  return {};
}

}  // namespace tidegate::store
