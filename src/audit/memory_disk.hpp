// A Disk in memory, for tests and simulations: it fails on demand, fills up, and can lose what was
// not synced, as a power cut does. The files outlive the disk, so that a test can open a log again.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "audit/log.hpp"

namespace tidegate::audit {

// What is on the "platter", and what it is told to do wrong. Thread-safe.
class MemoryFiles {
 public:
  // The next `count` appends (or syncs) fail.
  void fail_appends(int count) { set(failing_appends_, count); }
  void fail_syncs(int count) { set(failing_syncs_, count); }
  // Bytes that still fit; an append that does not fit writes what fits, and fails: ENOSPC.
  void set_space(std::uint64_t bytes) { set(space_, bytes); }
  // Everything since each file's last sync is gone.
  void lose_unsynced() {
    std::scoped_lock lock(mutex_);
    for (auto& [name, file] : files_) file.bytes.resize(file.synced);
  }

  // The files as kill -9 leaves them now: what the log does while it is destroyed is not in there.
  std::shared_ptr<MemoryFiles> copy() const {
    std::scoped_lock lock(mutex_);
    auto out = std::make_shared<MemoryFiles>();
    out->files_ = files_;
    return out;
  }

  // Direct access, to look and to damage.
  std::string bytes(const std::string& name) const {
    std::scoped_lock lock(mutex_);
    return files_.at(name).bytes;
  }
  void set_bytes(const std::string& name, std::string bytes) {
    std::scoped_lock lock(mutex_);
    files_[name] = {.synced = bytes.size(), .bytes = std::move(bytes)};
  }
  std::vector<std::string> names() const {
    std::scoped_lock lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [name, file] : files_) out.push_back(name);
    return out;
  }
  std::string everything() const {
    std::string out;
    for (const std::string& name : names()) out += bytes(name);
    return out;
  }

 private:
  friend class MemoryDisk;
  struct File {
    std::size_t synced = 0;
    std::string bytes;
  };
  template <class T>
  void set(T& member, T value) {
    std::scoped_lock lock(mutex_);
    member = value;
  }

  mutable std::mutex mutex_;
  std::map<std::string, File> files_;
  int failing_appends_ = 0, failing_syncs_ = 0;
  std::uint64_t space_ = UINT64_MAX;
};

class MemoryDisk final : public Disk {
 public:
  explicit MemoryDisk(std::shared_ptr<MemoryFiles> files = std::make_shared<MemoryFiles>())
      : files_(std::move(files)) {}

  Result<std::unique_ptr<Disk::File>> open_append(const std::string& name) override {
    std::scoped_lock lock(files_->mutex_);
    if (!files_->files_.contains(name) && files_->space_ == 0) return no_space();
    std::string& content = files_->files_[name].bytes;
    content.resize(end_of_lines(content));
    return std::make_unique<File>(files_, name);
  }
  Result<std::string> read(const std::string& name, std::uint64_t offset,
                           std::size_t bytes) override {
    std::scoped_lock lock(files_->mutex_);
    const auto found = files_->files_.find(name);
    if (found == files_->files_.end()) return missing(name);
    const std::string& content = found->second.bytes;
    return offset >= content.size() ? std::string() : content.substr(offset, bytes);
  }
  Result<std::uint64_t> size(const std::string& name) override {
    std::scoped_lock lock(files_->mutex_);
    const auto found = files_->files_.find(name);
    if (found == files_->files_.end()) return missing(name);
    return end_of_lines(found->second.bytes);
  }
  Result<std::vector<std::string>> list() override { return files_->names(); }
  Result<void> remove(const std::string& name) override {
    std::scoped_lock lock(files_->mutex_);
    if (files_->files_.erase(name) == 0) return missing(name);
    return {};
  }
  Result<void> truncate(const std::string& name, std::uint64_t size) override {
    std::scoped_lock lock(files_->mutex_);
    const auto found = files_->files_.find(name);
    if (found == files_->files_.end()) return missing(name);
    found->second.bytes.resize(size);
    found->second.synced = size;
    return {};
  }

 private:
  // Without the blank lines of a reserve, which a test may have put there.
  static std::size_t end_of_lines(std::string_view bytes) {
    const std::size_t last = bytes.find_last_not_of('\n');
    return last == std::string_view::npos ? 0 : std::min(bytes.size(), last + 2);
  }
  static std::unexpected<Error> no_space() {
    return fail(ErrorCode::audit_unavailable, "No space left on device");
  }
  static std::unexpected<Error> missing(const std::string& name) {
    return fail(ErrorCode::audit_unavailable, "There is no file " + name);
  }

  class File final : public Disk::File {
   public:
    File(std::shared_ptr<MemoryFiles> files, std::string name)
        : files_(std::move(files)), name_(std::move(name)) {}
    Result<void> append(std::string_view bytes) override {
      std::scoped_lock lock(files_->mutex_);
      if (files_->failing_appends_ > 0) {
        --files_->failing_appends_;
        return fail(ErrorCode::audit_unavailable, "Input/output error");
      }
      const auto fits = std::min<std::uint64_t>(bytes.size(), files_->space_);
      if (files_->space_ != UINT64_MAX) files_->space_ -= fits;
      files_->files_[name_].bytes += bytes.substr(0, fits);
      if (fits < bytes.size()) return no_space();
      return {};
    }
    Result<void> sync() override {
      std::scoped_lock lock(files_->mutex_);
      if (files_->failing_syncs_ > 0) {
        --files_->failing_syncs_;
        return fail(ErrorCode::audit_unavailable, "Input/output error");
      }
      auto& file = files_->files_[name_];
      file.synced = file.bytes.size();
      return {};
    }
    std::uint64_t size() const override {
      std::scoped_lock lock(files_->mutex_);
      return files_->files_[name_].bytes.size();
    }

   private:
    std::shared_ptr<MemoryFiles> files_;
    std::string name_;
  };

  std::shared_ptr<MemoryFiles> files_;
};

}  // namespace tidegate::audit
