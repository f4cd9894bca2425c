#include "cli/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tidegate::cli {
namespace {

std::unexpected<Error> cannot_write(const std::filesystem::path& file) {
  return fail({.code = ErrorCode::configuration,
               .message = fmt::format("{} cannot be written", file.string()),
               .mend = "check the folder's permissions and the free space of the disk",
               .why = std::strerror(errno)});
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<void> write_file(const std::filesystem::path& file, std::string_view content, mode_t mode) {
  const std::string draft = fmt::format("{}.{}.tmp", file.string(), ::getpid());
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return cannot_write(file);
  const bool written = ::fchmod(fd, mode) == 0 && write_all(fd, content) && ::fsync(fd) == 0;
  const int reason = errno;
  ::close(fd);
  errno = reason;
  if (!written || ::rename(draft.c_str(), file.c_str()) != 0) {
    auto error = cannot_write(file);
    ::unlink(draft.c_str());
    return error;
  }
  return {};
}

Result<void> make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  for (std::filesystem::path part; const auto& step : directory) {
    part /= step;
    if (std::filesystem::exists(part, error)) continue;
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return cannot_write(part);
  }
  return {};
}

std::string credential_or(std::string_view name, const std::string& file) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (!directory || !*directory) return file;
  const auto kept = std::filesystem::path(directory) / name;
  std::error_code error;
  return std::filesystem::exists(kept, error) ? kept.string() : file;
}

}  // namespace tidegate::cli
