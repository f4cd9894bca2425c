#include "store/file_disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

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

class AppendFile final : public audit::Disk::File {
 public:
  AppendFile(Descriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  // One write(2) on an O_APPEND descriptor: lines of several threads never mix. A short one (the
  // disk is full) is an error; what it left is the log's to pass over.
  Result<void> append(std::string_view bytes) override {
    const ssize_t written =
        uninterrupted([&] { return ::write(file_.get(), bytes.data(), bytes.size()); });
    if (written < 0) return failed("write", name_, errno);
    if (static_cast<std::size_t>(written) < bytes.size()) return failed("write", name_, ENOSPC);
    return {};
  }
  Result<void> sync() override {
    if (uninterrupted([&] { return ::fdatasync(file_.get()); }) != 0) {
      return failed("sync", name_, errno);
    }
    return {};
  }
  std::uint64_t size() const override {
    struct stat status{};
    return ::fstat(file_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  }

 private:
  Descriptor file_;
  std::string name_;
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
  TRY(Descriptor file, open_in(folder_.get(), name, O_WRONLY | O_APPEND | O_CREAT));
  TRY_VOID(sync_folder(folder_.get()));
  return std::make_unique<AppendFile>(std::move(file), name);
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
  struct stat status{};
  if (::fstatat(folder_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return failed("stat", name, errno);
  }
  return static_cast<std::uint64_t>(status.st_size);
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
